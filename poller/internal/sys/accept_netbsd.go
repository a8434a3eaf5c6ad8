package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const AcceptCall = "accept"

// Accept fills sa with the peer's address.
func Accept(fd int32, sa *Sockaddr) (int32, Errno) {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	syscall.ForkLock.RLock() // the listener does not block, so nor does this
	r, _, e := unix.Syscall(unix.SYS_ACCEPT, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	if e == 0 {
		unix.CloseOnExec(int(r))
	}
	syscall.ForkLock.RUnlock()
	if e != 0 {
		return -1, e
	}
	if err := unix.SetNonblock(int(r), true); err != nil {
		unix.Close(int(r))
		return -1, err.(Errno)
	}
	return int32(r), 0
}
