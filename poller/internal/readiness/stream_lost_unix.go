//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// WatchEnd has EOF told too while s is stopped.
func (s *stream) WatchEnd() {
	if !s.is(started | gotEnd | closing | dialing) {
		if !s.is(watched) && s.arm(0) != 0 { // not watched for anything: the mark would say it is
			return
		}
		s.mark(endAwaited)
		s.arm(s.directions())
	}
}

// awaits reports whether WatchEnd was called, and s has neither ended nor started since.
func (s *stream) awaits() bool { return s.is(endAwaited) && !s.is(started|gotEnd|closing) }

// lost reports whether it has been told, or is to be, that the connection is gone.
func (s *stream) lost() bool { return s.is(closing) || s.is(gotEnd) && s.is(reset) }

// noteReset notes that a send was given the loss of the connection as its error. To whoever
// receives, the loss looks like an end from then on.
func (s *stream) noteReset(e sys.Errno) {
	switch e {
	case unix.ECONNRESET, unix.ETIMEDOUT:
		s.mark(reset)
	}
}

// seek looks for the end of a stream that does not receive, because it has had EOF or is
// stopped. Whatever has arrived comes first. As long as there is some of it nothing is told:
// whoever receives it will find the end behind it.
func (s *stream) seek(ev poller.Events) {
	e := sys.Errno(0)
	if !s.is(gotEnd) {
		n, peeked := sys.Peek(s.fd, s.p.buf[:1])
		switch {
		case n > 0:
			return
		case peeked != unix.EAGAIN:
			e = peeked
		}
	}
	if e == 0 {
		e = s.failure()
	}
	switch {
	case e == 0 && !s.is(gotEnd) && s.is(reset): // a send has had the error
		e = unix.ECONNRESET
	case e == 0 && !s.is(gotEnd) && ev&poller.PeerClosed != 0 && s.awaits():
		s.finish(io.EOF)
		return
	case e == 0: // an end that is told another time, or was
		return
	case e == unix.EPIPE: // so Linux calls a reset that follows the peer's end (tcp_reset in net/ipv4/tcp_input.c)
		e = unix.ECONNRESET
	}
	s.finish(os.NewSyscallError("recv", e))
}

// failure is the error that the socket has, and takes it.
func (s *stream) failure() sys.Errno {
	v, err := unix.GetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return unix.EBADF
	}
	return sys.Errno(v)
}
