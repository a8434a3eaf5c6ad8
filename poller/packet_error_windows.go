package poller

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// doubtsMost bounds sends that are made again before an error is believed.
const doubtsMost = 16

const soError = 0x1007 // SO_ERROR (winsock2.h), which x/sys lacks

// keepsOut reports whether a datagram from somebody is of a stranger. The system keeps
// strangers out of a connected socket, but not those whose datagrams came before.
func (s *packet) keepsOut(from *sockaddrIn6) bool {
	return s.peer.Family != 0 && !s.peer.isSame(from)
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
		windows.Getsockopt(s.h, windows.SOL_SOCKET, soError, (*byte)(unsafe.Pointer(&v)), &n)
		e = errno(v)
	}
	if e != 0 {
		s.cameBack(e)
	}
}

// cameBack has the error of a datagram that was sent before told: by the next Poll, or
// when s starts.
func (s *packet) cameBack(e errno) {
	if s.backErr == nil { // the system keeps one, too
		s.backErr = s.receiveError(e)
	}
	if s.started {
		s.later(s)
	}
}

// receiveError is an error without a name. That of a connected socket is of its peer.
func (s *packet) receiveError(e errno) error {
	err := callError("wsarecv", refused(e))
	if s.peer.Family == 0 {
		return err
	}
	return &PeerError{Peer: s.Peer().AddrPort, Err: err}
}

// stale reports whether e, of a call that was to send, is of a datagram before, which
// has come back: the call has done nothing else, and is to be made again.
func (s *packet) stale(e errno) bool {
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
func refused(e errno) errno {
	if e == windows.WSAECONNRESET {
		return windows.WSAECONNREFUSED
	}
	return e
}
