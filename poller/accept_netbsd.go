package poller

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const acceptCall = "accept"

// accept fills sa with the peer's address.
func accept(fd int32, sa *sockaddr) (int32, errno) {
	sa.n = uint32(unsafe.Sizeof(sa.raw))
	syscall.ForkLock.RLock() // the listener does not block, so nor does this
	r, _, e := unix.Syscall(unix.SYS_ACCEPT, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.n)))
	if e == 0 {
		unix.CloseOnExec(int(r))
	}
	syscall.ForkLock.RUnlock()
	if e != 0 {
		return -1, e
	}
	if err := unix.SetNonblock(int(r), true); err != nil {
		unix.Close(int(r))
		return -1, err.(errno)
	}
	return int32(r), 0
}
