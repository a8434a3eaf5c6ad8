package sys

import "golang.org/x/sys/unix"

const passFlags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT

func recvPassed(fd int, p, control []byte) (n, controlled, flags int, err error) {
	n, controlled, flags, _, err = unix.Recvmsg(fd, p, control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	return n, controlled, flags, err
}

// unpassed is what an error of sending files means: what it says.
func unpassed(_ int32, e Errno) Errno { return e }
