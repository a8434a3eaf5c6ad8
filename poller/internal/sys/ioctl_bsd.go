//go:build freebsd || netbsd

package sys

import "golang.org/x/sys/unix"

// IoctlInt asks for a number; what there is not is 0.
func IoctlInt(fd int32, request uint) int {
	n, err := unix.IoctlGetInt(int(fd), request)
	if err != nil {
		return 0
	}
	return n
}
