//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

const passFlags = sendFlags

func recvPassed(fd int, p, control []byte) (n, controlled, flags int, err error) {
	n, controlled, flags, _, err = unix.Recvmsg(fd, p, control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	return n, controlled, flags, err
}

// unpassed is what an error of sending files means.
func unpassed(fd int32, e Errno) Errno { return full(fd, e) }
