//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func NewSocket(family, kind int) (int, error) {
	return unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// Quiet does nothing: it is each send that asks for no SIGPIPE.
func Quiet(fd int) {}

// full is what an error of a stream's send means: without memory for the data
// (ENOBUFS, send(2)) it is to be tried again, as when there is no room.
func full(fd int32, e Errno) Errno {
	switch e {
	case unix.ENOBUFS:
		return unix.EAGAIN
	case unix.EPIPE:
		return brokenBy(fd)
	}
	return e
}
