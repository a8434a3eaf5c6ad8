//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// An error that comes back for a datagram stays with the socket until the next call on
// it. That call fails with the error and does nothing else (sock_error in net/core/sock.c of
// Linux; sosend_generic and soreceive_generic in kern/uipc_socket.c of BSDs). So the error of
// a send may be of an earlier datagram: the send is made again.

// lateMost bounds the errors of receiving that wait to be told, while a socket is stopped for
// example; doubtsMost the sends that are made again before an error is believed.
const (
	lateMost   = 1024
	doubtsMost = 16
)

// stale reports whether e, of a call that was to send, may be of another datagram: the
// call is then to be made again.
func (s *packet) stale(e sys.Errno) bool {
	if e == unix.EAGAIN || e == unix.EINTR {
		s.settle()
		return false
	}
	if s.doubts == doubtsMost || e == s.doubt && e != unix.ECONNREFUSED || !s.doubtful(e) {
		if e == s.doubt {
			s.doubt = 0
		}
		s.sure()
		return false
	}
	s.doubts++
	s.settle()
	if !s.queues || s.takeErrors() == 0 { // which have their names, and e is the last of them
		s.doubt = e
	}
	return true
}

// doubtful reports whether e may be of an earlier datagram. What was refused always is:
// a refusal comes back.
func (s *packet) doubtful(e sys.Errno) bool {
	return e == unix.ECONNREFUSED || s.queues || s.peer.Family != 0
}

// settle tells the error of the send before. That the send was made again, and has not failed
// in the same way, has shown that the error was of an earlier datagram.
func (s *packet) settle() {
	if e := s.doubt; e != 0 {
		s.doubt = 0
		s.tellLater(s.receiveError(e))
	}
}

// sure is when a send has gone out, or its error is believed.
func (s *packet) sure() {
	s.settle()
	s.doubts = 0
}

// receiveError is an error that the system has told without an address. Of a connected socket
// the address is the peer's.
func (s *packet) receiveError(e sys.Errno) error {
	err := os.NewSyscallError(recvPacketsCall, e)
	if s.peer.Family == 0 {
		return err
	}
	return &poller.PeerError{Peer: s.Peer().AddrPort, Err: err}
}

// tellLater has the next Poll tell an error of receiving, or Start if s is stopped.
func (s *packet) tellLater(err error) {
	if len(s.late) < lateMost { // the system drops them too where there are too many
		s.late = append(s.late, err)
	}
	if s.is(started) {
		s.failLater()
	}
}

// tellLate tells what is to be told while s is started.
func (s *packet) tellLate() {
	for s.is(started) && len(s.late) > 0 {
		err := s.late[0]
		if s.late = s.late[1:]; len(s.late) == 0 {
			s.late = nil
		}
		s.h.Received(nil, err)
	}
}

// forsake tells the errors that a peer has left, before the socket gets another.
func (s *packet) forsake() {
	if s.queues {
		for s.takeErrors() == errorsPerPoll {
		}
	}
	if s.peer.Family == 0 {
		return
	}
	if v, err := unix.GetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && v != 0 {
		s.tellLater(s.receiveError(sys.Errno(v)))
	}
}
