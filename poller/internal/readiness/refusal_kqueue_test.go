//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && kqfake)

package readiness

import (
	"testing"

	"golang.org/x/sys/unix"
)

// refusing has the queue refuse what f arms. It is told of that by the next wait,
// when the descriptors are not there.
func refusing(t *testing.T, q *queue, f, poll func()) {
	t.Helper()
	q.submit() // what was armed before
	f()
	hidden := map[int]int{}
	for _, fd := range q.dirty {
		if q.notes[fd].want == 0 {
			continue
		}
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal("fcntl: ", err)
		}
		hidden[int(fd)] = dup
	}
	for fd := range hidden {
		unix.Close(fd)
	}
	poll()
	for fd, dup := range hidden {
		if err := unix.Dup2(dup, fd); err != nil {
			t.Fatal("dup2: ", err)
		}
		unix.Close(dup)
	}
}
