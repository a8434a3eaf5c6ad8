//go:build freebsd || netbsd

package poller

import "golang.org/x/sys/unix"

// ioctlInt asks for a number; what there is not is 0.
func ioctlInt(fd int32, request uint) int {
	n, err := unix.IoctlGetInt(int(fd), request)
	if err != nil {
		return 0
	}
	return n
}
