//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller

import "golang.org/x/sys/unix"

// discard does nothing: a close that leaves bytes unread is an orderly one here
// (tcp_disconnect in netinet/tcp_usrreq.c flushes the buffer and sends a FIN).
func discard(fd int32) {}

// bindLate does nothing: there is no option to have the port chosen by connect.
func bindLate(fd int32) {}

// acceptTold is accept: on these systems every call is told to the scheduler.
func acceptTold(fd int32, sa *sockaddr) (int32, errno) { return accept(fd, sa) }

// spoilt reports whether accept failed for want of a good connection and not of
// anything of the listener: the next may be better.
func spoilt(e errno) bool {
	switch e {
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		return true
	}
	return false
}

// familyOf is by the name of a socket: not every system has SO_DOMAIN. Where there
// is no name DragonFly gives no family either, and that is a unix-domain socket.
func familyOf(fd int) (int, error) {
	var sa sockaddr
	if e := getsockname(int32(fd), &sa); e != 0 {
		return 0, e
	}
	if sa.raw.Addr.Family == unix.AF_UNSPEC {
		return unix.AF_UNIX, nil
	}
	return int(sa.raw.Addr.Family), nil
}

// brokenBy is why a send fails with EPIPE: that comes first, be it our own end or a
// reset that makes it so, and leaves the error of the socket where it is
// (sosend_generic in kern/uipc_socket.c).
func brokenBy(fd int32) errno {
	v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || v == 0 {
		return unix.EPIPE
	}
	return unix.Errno(v)
}
