package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// No SIGPIPE is asked for by SO_NOSIGPIPE: MSG_NOSIGNAL is newer than the systems
// that Go runs on.
const (
	AcceptCall = "accept"
	sendFlags  = unix.MSG_DONTWAIT
)

// NewSocket opens a non-blocking socket. There is no flag for it, nor for closing
// on exec.
func NewSocket(family, kind int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, kind, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	Quiet(fd)
	return fd, nil
}

// Quiet keeps a send to a peer that has gone from raising SIGPIPE. A socket that is
// shut already takes no options (EINVAL), and is not sent on.
func Quiet(fd int) { unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1) }

// full is what an error of a stream's send means. EPROTOTYPE comes for a connection
// that is being torn down at the same moment; libuv, too, takes it for a reset
// (src/unix/stream.c, uv__try_write).
func full(fd int32, e Errno) Errno {
	switch e {
	case unix.ENOBUFS:
		return unix.EAGAIN
	case unix.EPIPE:
		return brokenBy(fd)
	case unix.EPROTOTYPE:
		return unix.ECONNRESET
	}
	return e
}
