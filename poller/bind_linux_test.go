package poller_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bindWhole binds to a path that takes all the room there is for one, which x/sys
// refuses.
func bindWhole(fd int, path string) error {
	sa := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range path {
		sa.Path[i] = int8(path[i])
	}
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(2+len(path)))
	if e != 0 {
		return e
	}
	return nil
}
