package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// PeerCred asks for SO_PEERCRED, a struct sockpeercred: uid, gid, pid (getsockopt(2)). x/sys has no call for
// it, and calls must be those of the C library here. So it asks by the one for an option of eight
// words, of which the system fills three.
func PeerCred(fd int32) (poller.Cred, error) {
	f, err := unix.GetsockoptICMPv6Filter(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return poller.Cred{}, err
	}
	return poller.Cred{PID: int(int32(f.Filt[2])), UID: int(f.Filt[0]), GID: int(f.Filt[1])}, nil
}
