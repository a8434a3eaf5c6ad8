package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const passFlags = sendFlags

// recvPassed makes descriptors close-on-exec before any child is forked: there is no flag for it.
func recvPassed(fd int, p, control []byte) (n, controlled, flags int, err error) {
	syscall.ForkLock.RLock() // the call does not wait
	defer syscall.ForkLock.RUnlock()
	n, controlled, flags, _, err = unix.Recvmsg(fd, p, control, unix.MSG_DONTWAIT)
	if err == nil {
		for _, f := range rights(control[:controlled], nil) {
			unix.CloseOnExec(int(f))
		}
	}
	return n, controlled, flags, err
}

// unpassed is what an error of sending files means. Where the buffer has no room for a message
// with control data the system says EMSGSIZE, and that passes; libuv, too, tries again
// (src/unix/stream.c, uv__try_write).
func unpassed(fd int32, e Errno) Errno {
	if e == unix.EMSGSIZE {
		return unix.EAGAIN
	}
	return full(fd, e)
}
