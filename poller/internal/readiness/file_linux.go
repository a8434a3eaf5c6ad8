package readiness

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// ReadFile reads what is in memory.
func (p *readiness) ReadFile(fd uintptr, b []byte, off int64) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		switch n, e := sys.ReadFile(fd, b, off); e {
		case 0:
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN, unix.EOPNOTSUPP, unix.ENOSYS: // before Linux 4.14, or on a file system without it
			return 0, poller.ErrNotCached
		default:
			return 0, os.NewSyscallError("preadv2", e)
		}
	}
}

var _ poller.FileReader = (*readiness)(nil)
