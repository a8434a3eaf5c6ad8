//go:build !windows

package pollertest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sharesPort is where connections share their port by SO_REUSEPORT: the BSDs and macOS want
// that, Windows has none, and elsewhere it does no harm.
const sharesPort = true

// makeBlocking is what os.File.Fd does to whoever else has the descriptor.
func makeBlocking(fd uintptr) error { return syscall.SetNonblock(int(fd), false) }

func closeDescriptor(fd uintptr) error { return syscall.Close(int(fd)) }

// fileID tells files of a file system apart. It is 0 of what is not open.
func fileID(fd uintptr) int {
	var st unix.Stat_t
	if unix.Fstat(int(fd), &st) != nil {
		return 0
	}
	return int(st.Ino)
}

func closesOnExec(fd uintptr) bool {
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC != 0
}
