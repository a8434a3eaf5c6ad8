package iocp

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A socket stays with the port that it was associated with. So what was accepted is associated as late
// as can be, with its first operation, and until then it can go to the port of another poller.

// associate has the port know of s, before its first operation.
func (s *stream) associate() sys.Errno {
	if !s.loose {
		return 0
	}
	if err := s.p.associate(s.h); err != nil {
		var e sys.Errno
		errors.As(err, &e)
		return e
	}
	s.loose = false
	return 0
}

// detached reports whether s is in no live list.
func (s *stream) detached() bool { return s.at < 0 && !s.closing }

// Detach takes s out of its poller, as long as the port does not know of it.
func (s *stream) Detach() error {
	switch {
	case s.closing:
		return net.ErrClosed
	case s.detached(), s.dialing:
		return os.NewSyscallError("detach", syscall.EBUSY)
	case !s.loose, s.queued, s.failing, s.out != nil, s.gotEnd:
		return errors.ErrUnsupported
	}
	s.started, s.awaits = false, false
	s.unlist()
	s.at = -1
	if s.handler == nil {
		s.p.left = s
	}
	return nil
}

// Attach takes a stream that has left another poller.
func (p *iocp) Attach(st poller.Stream, h poller.StreamHandler) error {
	s, ok := st.(*stream)
	switch {
	case !ok:
		return errors.ErrUnsupported
	case s.closing || p.Silenced():
		return net.ErrClosed
	case !s.detached():
		return os.NewSyscallError("attach", syscall.EBUSY)
	}
	p.add(s, s.h, int(s.family))
	if e := s.associate(); e != 0 {
		s.unlist()
		s.at = -1
		return os.NewSyscallError("createiocompletionport", e)
	}
	if h != nil {
		s.handler = h
	}
	s.arm()
	return nil
}

// discard is Close of a stream that no poller has.
func (s *stream) discard() {
	s.closing = true
	if buf := make([]byte, 4<<10); !s.reset { // as in end; the poller's buffer may be in use elsewhere
		for range discardsOnClose {
			if n, e := sys.Recv(s.h, buf); e != 0 || n < len(buf) {
				break
			}
		}
	}
	s.quicken()
	windows.Closesocket(s.h)
	s.h = windows.InvalidHandle
}

var (
	_ poller.Detacher = (*stream)(nil)
	_ poller.Attacher = (*iocp)(nil)
)
