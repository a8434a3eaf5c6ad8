//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// Untold asks the system, by a call that does not wait. It is for whoever is about to give a
// peer up.
func (s *stream) Untold() (n int, ev poller.Events) {
	want := s.wanted()
	if want == 0 || s.fd < 0 {
		return 0, 0
	}
	if s.is(failing) { // which tells of an error, whatever the system says
		return 0, want
	}
	const over = unix.POLLERR | unix.POLLHUP
	fds := [1]unix.PollFd{{Fd: s.fd, Events: int16(want)}}
	if k, err := unix.Poll(fds[:], 0); err != nil || k == 0 {
		return 0, 0
	}
	if got := fds[0].Revents; got&over != 0 {
		ev = want
	} else {
		ev = want & poller.Events(got)
	}
	if ev&poller.Readable != 0 {
		n = sys.Arrived(s.fd)
	}
	return n, ev
}

// wanted is what a Poll would tell of, of Readable and Writable.
func (s *stream) wanted() (want poller.Events) {
	switch {
	case s.is(closing):
	case s.is(dialing):
		want = poller.Writable
	default:
		if s.is(started) {
			want = poller.Readable
		}
		if s.out != nil && s.out.busy {
			want |= poller.Writable
		}
	}
	return want
}

var _ poller.Foreteller = (*stream)(nil)
