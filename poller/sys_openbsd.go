package poller

import "golang.org/x/sys/unix"

const (
	acceptCall = "accept"
	sendFlags  = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
)
