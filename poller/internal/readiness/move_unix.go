//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A stream is detached if it has a descriptor and no slot, whose number is then that of no socket.
func (s *stream) detached() bool { return s.slot == wakeSlot && !s.is(closing) }

// Detach takes s out of its poller. What the system reports for it in this batch is void, as its slot
// is free.
func (s *stream) Detach() error {
	switch {
	case s.is(closing):
		return net.ErrClosed
	case s.detached(), s.is(dialing), s.out != nil && s.out.files != nil:
		return os.NewSyscallError("detach", unix.EBUSY)
	}
	p := s.p
	s.unmark(started | endAwaited)
	s.source.arm(0)
	p.queue.sync(s.fd)
	p.queue.forget(s.fd)
	if s.is(failing) {
		s.unmark(failing)
		p.failed.Remove(func(f failer) bool { return f == failer(s) })
	}
	if s.out != nil {
		if s.out.recvErr = 0; !s.out.busy { // it was of a Start that nobody waits for any more
			s.putOut()
		}
	}
	p.remove(&s.source)
	s.slot = wakeSlot
	if s.h == nil {
		p.left = s
	}
	return nil
}

// Attach takes a stream that has left another poller.
func (p *readiness) Attach(st poller.Stream, h poller.StreamHandler) error {
	s, ok := st.(*stream)
	switch {
	case !ok:
		return errors.ErrUnsupported
	case s.is(closing) || p.Silenced():
		return net.ErrClosed
	case !s.detached():
		return os.NewSyscallError("attach", unix.EBUSY)
	}
	p.add(s, &s.source)
	var mask poller.Events
	if s.out != nil && s.out.err == 0 {
		mask = poller.Writable
	}
	if e := s.arm(mask); e != 0 {
		p.remove(&s.source)
		s.slot = wakeSlot
		return os.NewSyscallError(armCall, e)
	}
	if s.out != nil && s.out.err != 0 {
		s.failLater()
	}
	if h != nil {
		s.h = h
	}
	return nil
}

// discard is Close of a stream that no poller has.
func (s *stream) discard() {
	s.mark(closing)
	s.quicken()
	if !s.is(gotEnd | reset) {
		sys.Discard(s.fd)
	}
	closeUnwatched(s.fd)
	s.fd, s.out = -1, nil
}

var (
	_ poller.Detacher = (*stream)(nil)
	_ poller.Attacher = (*readiness)(nil)
)
