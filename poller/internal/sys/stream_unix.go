//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// Peek is recv that leaves where they are the bytes it returns.
func Peek(fd int32, b []byte) (int, Errno) {
	n, _, err := unix.Recvfrom(int(fd), b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	e, _ := err.(unix.Errno)
	return n, e
}

// Arrived is how many bytes can be received; 0 where the system does not say.
func Arrived(fd int32) int {
	n, _ := unix.IoctlGetInt(int(fd), fionread)
	return n
}

// Unlinger keeps close from waiting for what is unsent, which a time to linger makes it
// do, of a non-blocking socket too (inet_release in net/ipv4/af_inet.c). What is unsent goes
// out all the same: the time is only how long close waits (socket(7), SO_LINGER).
func Unlinger(fd int32) {
	if v, err := GetOption(fd, unix.AF_INET, poller.Linger); err == nil && v > 0 {
		SetOption(fd, unix.AF_INET, poller.Linger, -1)
	}
}

// errnoOf is 0 of no error.
func errnoOf(err error) Errno {
	e, _ := err.(unix.Errno)
	return e
}
