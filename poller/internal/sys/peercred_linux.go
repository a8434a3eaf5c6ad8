package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// PeerCred asks for SO_PEERCRED (unix(7)).
func PeerCred(fd int32) (poller.Cred, error) {
	c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return poller.Cred{}, err
	}
	return poller.Cred{PID: int(c.Pid), UID: int(c.Uid), GID: int(c.Gid)}, nil
}
