package sys

import "golang.org/x/sys/unix"

const (
	AcceptCall = "accept"
	sendFlags  = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
)
