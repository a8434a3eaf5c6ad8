package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// Of sys/un.h: the option, and what it gives.
const localPeerEID = 3

type unpcbid struct {
	pid, euid, egid uint32
}

// PeerCred asks for LOCAL_PEEREID (unix(4)).
func PeerCred(fd int32) (poller.Cred, error) {
	var u unpcbid
	n := uint32(unsafe.Sizeof(u))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), 0, localPeerEID, uintptr(unsafe.Pointer(&u)), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return poller.Cred{}, e
	}
	return poller.Cred{PID: int(int32(u.pid)), UID: int(u.euid), GID: int(u.egid)}, nil
}
