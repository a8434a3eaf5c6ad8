package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// PeerCred asks for LOCAL_PEERCRED, and for LOCAL_PEERPID, which is the process that has used the
// socket last (sys/un.h).
func PeerCred(fd int32) (poller.Cred, error) {
	x, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return poller.Cred{}, err
	}
	c := poller.Cred{UID: int(x.Uid), GID: int(x.Groups[0])}
	if pid, err := unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID); err == nil {
		c.PID = pid
	}
	return c, nil
}
