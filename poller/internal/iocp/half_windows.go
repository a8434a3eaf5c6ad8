package iocp

import (
	"io"
	"time"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// halves are the streams whose peer has ended, and whose connection may yet be lost. No
// operation would tell of the loss, as after the peer's end a receive completes at once. So
// halves are looked at from time to time.
type halves struct {
	list []*stream
	next poller.Time // when to look; 0 is never
}

// How often halves are looked at. A look takes about two microseconds. So many of them, at
// lookSpan each, cost a fiftieth of a processor.
const (
	lookEvery = 200 * time.Millisecond
	lookSpan  = 100 * time.Microsecond
)

// halve puts s into the list.
func (s *stream) halve() {
	if s.halved || s.closing {
		return
	}
	s.halved = true
	h := &s.p.halves
	if h.list = append(h.list, s); h.next == 0 {
		h.next = s.p.Now().Add(lookEvery)
	}
}

// lookAtHalves has those told whose connection is gone, and forgets those that are
// closed.
func (p *iocp) lookAtHalves() {
	h := &p.halves
	if p.Now() < h.next {
		return
	}
	left := h.list[:0]
	for _, s := range h.list {
		if s.closing || s.gotEnd && s.reset {
			s.halved = false
			continue
		}
		left = append(left, s)
		if s.isLost() {
			s.later(s)
		}
	}
	clear(h.list[len(left):])
	if h.list, h.next = left, 0; len(left) > 0 {
		h.next = p.Now().Add(max(lookEvery, time.Duration(len(left))*lookSpan))
	}
}

// isLost reports whether the connection of a stream whose peer has ended is gone, and
// keeps why.
func (s *stream) isLost() bool {
	e := s.failure()
	switch e {
	case 0:
		return false
	case windows.WSAESHUTDOWN: // so Wine calls a reset that follows the peer's end
		e = windows.WSAECONNRESET
	}
	if s.recvErr == 0 {
		s.recvErr = uint32(e)
	}
	return true
}

// failure asks a socket whose peer has ended for its error, in three ways. A receive returns
// it where the system puts a reset before an end, as Windows should. SO_ERROR has it where
// the system keeps one. A send of no bytes, which puts nothing on the wire, returns it in any
// case, but not after our own end.
func (s *stream) failure() sys.Errno {
	if _, e := sys.Peek(s.h, s.p.buf[:1]); e != 0 && e != windows.WSAEWOULDBLOCK {
		return e
	}
	if v, err := windows.GetsockoptInt(s.h, windows.SOL_SOCKET, sys.SoError); err == nil && v != 0 {
		return sys.Errno(v)
	}
	if s.spoken || s.out != nil { // a Send in flight tells by itself
		return 0
	}
	if _, e := sys.Sendto(s.h, s.p.buf[:0], nil, 0); e != windows.WSAEWOULDBLOCK {
		return e
	}
	return 0
}

// seek looks for the end of a stream that does not receive: it has had EOF, or is
// stopped. What has arrived comes first, and waits for Start.
func (s *stream) seek() {
	switch {
	case s.closing || s.gotEnd && (s.reset || s.recvErr == 0):
		return
	case s.gotEnd:
		s.finish(sys.CallError("recv", sys.Errno(s.recvErr)))
		return
	}
	n, e := sys.Peek(s.h, s.p.buf[:1])
	switch {
	case n > 0:
	case e == windows.WSAEWOULDBLOCK && s.recvErr == 0 && !s.reset:
		s.readable = false
		s.arm()
	case s.recvErr != 0:
		s.finish(sys.CallError("wsarecv", sys.Errno(s.recvErr)))
	case s.reset:
		s.finish(sys.CallError("recv", windows.WSAECONNRESET))
	case e != 0:
		s.finish(sys.CallError("recv", e))
	case s.awaits:
		s.finish(io.EOF)
	default: // an end that waits for Start
		s.halve()
	}
}
