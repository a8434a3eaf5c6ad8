//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// Fd is for what pike does not know of. From here on the socket may have another descriptor,
// or a layer of the system's own, or others may read its urgent bytes. So it is watched as an
// adopted one is.
func (s *stream) Fd() uintptr {
	s.lend()
	return s.source.Fd()
}

// lent reports whether others may have the descriptor, or may have set options.
func (s *stream) lent() bool { return !s.is(edgeable) }

func (s *stream) lend() {
	if s.is(edgeable) {
		s.unmark(edgeable)
		switch {
		case s.is(closing):
			s.arm(0)
		case s.is(byEdge) && s.is(marks(poller.Readable)): // or else for an end, which may stay by edges
			s.watch(s.directions())
		}
	}
}

// SetOption notes a time to linger, by which quicken has something to look after.
func (s *stream) SetOption(o poller.Option, v int) error {
	if o == poller.Linger && v > 0 {
		s.lend()
	}
	return s.source.SetOption(o, v)
}

// quicken has the close that follows not wait for a time to linger. A socket that nobody else
// has had has none.
func (s *stream) quicken() {
	if s.fd >= 0 && s.lent() && !s.is(reset) && !s.local() {
		sys.Unlinger(s.fd)
	}
}

func (s *stream) abandon() {
	s.quicken()
	s.source.abandon()
}

// Release gives the descriptor back, open and non-blocking.
func (s *stream) Release() (uintptr, error) {
	if err := s.releasable(); err != nil {
		return 0, err
	}
	return s.give(s), nil
}

func (s *stream) releasable() error {
	if s.is(closing | dialing) {
		return net.ErrClosed
	}
	if s.out != nil {
		return os.NewSyscallError("release", unix.EBUSY)
	}
	return nil
}

// Duplicate makes another descriptor of the socket.
func (s *stream) Duplicate() (uintptr, error) {
	if err := s.releasable(); err != nil {
		return 0, err
	}
	fd, errno := sys.Duplicate(uintptr(s.fd))
	if errno != 0 {
		return 0, os.NewSyscallError("fcntl", errno)
	}
	s.lend() // or to close s would leave the duplicate watched
	return fd, nil
}
