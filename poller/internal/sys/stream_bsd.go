//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// Discard does nothing: a close that leaves bytes unread is an orderly one here
// (tcp_disconnect in netinet/tcp_usrreq.c flushes the buffer and sends a FIN).
func Discard(fd int32) {}

// BindLate does nothing: there is no option to have the port chosen by connect.
func BindLate(fd int32) {}

// AcceptTold is accept: on these systems every call is told to the scheduler.
func AcceptTold(fd int32, sa *Sockaddr) (int32, Errno) { return Accept(fd, sa) }

// Spoilt reports whether accept failed for want of a good connection and not of
// anything of the listener: the next may be better.
func Spoilt(e Errno) bool {
	switch e {
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		return true
	}
	return false
}

// FamilyOf is by the name of a socket: not every system has SO_DOMAIN. Where there
// is no name DragonFly gives no family either, and that is a unix-domain socket.
func FamilyOf(fd int) (int, error) {
	var sa Sockaddr
	if e := Getsockname(int32(fd), &sa); e != 0 {
		return 0, e
	}
	if sa.Raw.Addr.Family == unix.AF_UNSPEC {
		return unix.AF_UNIX, nil
	}
	return int(sa.Raw.Addr.Family), nil
}

// brokenBy is why a send fails with EPIPE: that comes first, be it our own end or a
// reset that makes it so, and leaves the error of the socket where it is
// (sosend_generic in kern/uipc_socket.c).
func brokenBy(fd int32) Errno {
	v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || v == 0 {
		return unix.EPIPE
	}
	return unix.Errno(v)
}
