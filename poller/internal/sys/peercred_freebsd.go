package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// PeerCred asks for LOCAL_PEERCRED (unix(4)). The process is in the last word of struct xucred, which is a
// union of cr_pid and of what was there before FreeBSD 13, and zero then.
func PeerCred(fd int32) (poller.Cred, error) {
	x, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return poller.Cred{}, err
	}
	last := unsafe.Sizeof(*x) - unsafe.Sizeof(uintptr(0))
	pid := *(*int32)(unsafe.Add(unsafe.Pointer(x), last))
	return poller.Cred{PID: int(pid), UID: int(x.Uid), GID: int(x.Groups[0])}, nil
}
