package iocp

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// doubtsMost bounds sends that are made again before an error is believed.
const doubtsMost = 16

// keepsOut reports whether a datagram from somebody is of a stranger. The system keeps
// strangers out of a connected socket, but not those whose datagrams came before.
func (s *packet) keepsOut(from *sys.SockaddrIn6) bool {
	return s.peer.Family != 0 && !s.peer.IsSame(from)
}

// forsake names the peer in what has come back from it, before it is one no more.
func (s *packet) forsake() {
	if s.peer.Family == 0 {
		return
	}
	e := s.recvErr
	if s.recvErr = 0; e == 0 {
		var v int32
		n := int32(unsafe.Sizeof(v))
		windows.Getsockopt(s.h, windows.SOL_SOCKET, sys.SoError, (*byte)(unsafe.Pointer(&v)), &n)
		e = sys.Errno(v)
	}
	if e != 0 {
		s.cameBack(e)
	}
}

// cameBack has the error of a datagram that was sent before told: by the next Poll, or
// when s starts.
func (s *packet) cameBack(e sys.Errno) {
	if s.backErr == nil { // the system keeps one, too
		s.backErr = s.receiveError(e)
	}
	if s.started {
		s.later(s)
	}
}

// receiveError is an error without a name. That of a connected socket is of its peer.
func (s *packet) receiveError(e sys.Errno) error {
	err := sys.CallError("wsarecv", refused(e))
	if s.peer.Family == 0 {
		return err
	}
	return &poller.PeerError{Peer: s.Peer().AddrPort, Err: err}
}

// stale reports whether e, of a call that was to send, is of a datagram before, which
// has come back: the call has done nothing else, and is to be made again.
func (s *packet) stale(e sys.Errno) bool {
	switch {
	case e == 0:
		s.doubts = 0
		return false
	case refused(e) != windows.WSAECONNREFUSED && e != windows.WSAENETRESET, s.doubts == doubtsMost:
		return false
	}
	s.doubts++
	s.cameBack(e)
	return true
}

// refused is the error of a datagram that was answered by ICMP: Winsock calls it a
// reset, as there is no connection to refuse (recvfrom, WSAECONNRESET).
func refused(e sys.Errno) sys.Errno {
	if e == windows.WSAECONNRESET {
		return windows.WSAECONNREFUSED
	}
	return e
}
