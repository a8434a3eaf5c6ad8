//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import "golang.org/x/sys/unix"

// Untold asks the system, by a call that does not wait: it is for those who are about
// to give a peer up.
func (s *stream) Untold() (n int, ev Events) {
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
		ev = want & Events(got)
	}
	if ev&Readable != 0 {
		n, _ = unix.IoctlGetInt(int(s.fd), fionread)
	}
	return n, ev
}

// wanted is what a Poll would tell of, of Readable and Writable.
func (s *stream) wanted() (want Events) {
	switch {
	case s.is(closed):
	case s.is(dialing):
		want = Writable
	default:
		if s.is(started) {
			want = Readable
		}
		if s.out != nil && s.out.busy {
			want |= Writable
		}
	}
	return want
}

var _ Foreteller = (*stream)(nil)
