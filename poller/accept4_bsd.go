//go:build dragonfly || freebsd

package poller

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const acceptCall = "accept4"

// accept fills sa with the peer's address.
func accept(fd int32, sa *sockaddr) (int32, errno) {
	sa.n = uint32(unsafe.Sizeof(sa.raw))
	r, _, e := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)),
		uintptr(unsafe.Pointer(&sa.n)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(r), e
}
