//go:build darwin || freebsd

package poller

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func setMulticastInterface(fd int32, family, index int) error {
	if family == unix.AF_INET6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
	}
	return unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
}

// membership joins or leaves; RFC 3678's protocol-independent calls serve both
// families.
func membership(fd int32, family int, m Membership, join bool) error {
	if e := checkMembership(family, m); e != 0 {
		return os.NewSyscallError("setsockopt", e)
	}
	level := unix.IPPROTO_IP
	if family == unix.AF_INET6 {
		level = unix.IPPROTO_IPV6
	}
	name := unix.MCAST_LEAVE_GROUP
	if join {
		name = unix.MCAST_JOIN_GROUP
	}
	req := sourceReq{index: uint32(m.Interface)}
	fillAddr((*sockaddrIn6)(unsafe.Pointer(&req.group)), m.Group, family)
	size := unsafe.Offsetof(req.source)
	if m.Source.IsValid() {
		name = unix.MCAST_LEAVE_SOURCE_GROUP
		if join {
			name = unix.MCAST_JOIN_SOURCE_GROUP
		}
		fillAddr((*sockaddrIn6)(unsafe.Pointer(&req.source)), m.Source, family)
		size = unsafe.Sizeof(req)
	}
	b := unsafe.String((*byte)(unsafe.Pointer(&req)), int(size))
	return os.NewSyscallError("setsockopt", unix.SetsockoptString(int(fd), level, name, b))
}
