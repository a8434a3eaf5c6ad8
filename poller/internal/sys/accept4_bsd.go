//go:build dragonfly || freebsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const AcceptCall = "accept4"

// Accept fills sa with the peer's address.
func Accept(fd int32, sa *Sockaddr) (int32, Errno) {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	r, _, e := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)),
		uintptr(unsafe.Pointer(&sa.N)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(r), e
}
