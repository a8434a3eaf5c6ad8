package pipe

import (
	"os"

	"golang.org/x/sys/unix"
)

// handleOf is a pidfd of a child (pidfd_open(2)), or nil where the system has none.
func handleOf(child *os.Process) (handle *os.File) {
	child.WithHandle(func(fd uintptr) {
		if dup, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			handle = os.NewFile(uintptr(dup), "pidfd")
		}
	})
	return handle
}
