//go:build darwin || freebsd

package sys

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

func setMulticastInterface(fd int32, family, index int) error {
	if family == unix.AF_INET6 {
		return setMulticastInterfaceIPv6(fd, index)
	}
	return unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
}

// Membership joins or leaves. RFC 3678's protocol-independent calls serve both
// families, but refuse an interface of 0 (EADDRNOTAVAIL, inp_join_group in
// netinet/in_mcast.c): to have the system choose there are the older ones.
func Membership(fd int32, family int, m poller.Membership, join bool) error {
	m, err := checkMembership(fd, family, m)
	switch {
	case err == errors.ErrUnsupported:
		return err
	case err != nil:
	case m.Interface != 0:
		err = memberByIndex(fd, family, m, join)
	case !m.Source.IsValid():
		err = memberByAddr(fd, family, m, [4]byte{}, join)
	case family == unix.AF_INET:
		err = sourceByAddr(fd, m, join)
	default: // of one source, IPv6 has no call that chooses
		err = unix.EADDRNOTAVAIL
	}
	return os.NewSyscallError("setsockopt", err)
}

func memberByIndex(fd int32, family int, m poller.Membership, join bool) error {
	level := unix.IPPROTO_IP
	if family == unix.AF_INET6 {
		level = unix.IPPROTO_IPV6
	}
	name := unix.MCAST_LEAVE_GROUP
	if join {
		name = unix.MCAST_JOIN_GROUP
	}
	req := sourceReq{index: uint32(m.Interface)}
	fillAddr((*SockaddrIn6)(unsafe.Pointer(&req.group)), m.Group, family)
	size := unsafe.Offsetof(req.source)
	if m.Source.IsValid() {
		name = unix.MCAST_LEAVE_SOURCE_GROUP
		if join {
			name = unix.MCAST_JOIN_SOURCE_GROUP
		}
		fillAddr((*SockaddrIn6)(unsafe.Pointer(&req.source)), m.Source, family)
		size = unsafe.Sizeof(req)
	}
	b := unsafe.String((*byte)(unsafe.Pointer(&req)), int(size))
	return unix.SetsockoptString(int(fd), level, name, b)
}

// sourceByAddr takes struct ip_mreq_source: the group, the source, and an interface
// by an address that it has, of which there is none.
func sourceByAddr(fd int32, m poller.Membership, join bool) error {
	name := unix.IP_DROP_SOURCE_MEMBERSHIP
	if join {
		name = unix.IP_ADD_SOURCE_MEMBERSHIP
	}
	req := struct{ group, source, at [4]byte }{group: m.Group.As4(), source: m.Source.As4()}
	b := unsafe.String(&req.group[0], int(unsafe.Sizeof(req)))
	return unix.SetsockoptString(int(fd), unix.IPPROTO_IP, name, b)
}
