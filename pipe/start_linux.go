package pipe

import (
	"os"

	"golang.org/x/sys/unix"
)

// alone has Open open f anew: a description that nobody else has is not looked at before each call. It is
// blocking for that, as Open takes what is not for somebody's choice.
func alone(f *os.File) {
	withFd(f, func(fd uintptr) error { return unix.SetNonblock(int(fd), false) })
}

// handleOf is a pidfd of a child (pidfd_open(2)), or nil where the system has none.
func handleOf(child *os.Process) (handle *os.File) {
	child.WithHandle(func(fd uintptr) {
		if dup, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			handle = os.NewFile(uintptr(dup), "pidfd")
		}
	})
	return handle
}
