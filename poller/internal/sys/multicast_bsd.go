//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

func setMulticastInterfaceIPv6(fd int32, index int) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
}

// memberByAddr joins or leaves by the calls that are older than RFC 3678. They name
// an interface of IPv4 by an address that it has, and of IPv6 by its index; 0 has
// the system choose.
func memberByAddr(fd int32, family int, m poller.Membership, at [4]byte, join bool) error {
	if family == unix.AF_INET6 {
		name := unix.IPV6_LEAVE_GROUP
		if join {
			name = unix.IPV6_JOIN_GROUP
		}
		req := unix.IPv6Mreq{Multiaddr: m.Group.As16(), Interface: uint32(m.Interface)}
		return unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, name, &req)
	}
	name := unix.IP_DROP_MEMBERSHIP
	if join {
		name = unix.IP_ADD_MEMBERSHIP
	}
	return unix.SetsockoptIPMreq(int(fd), unix.IPPROTO_IP, name, &unix.IPMreq{Multiaddr: m.Group.As4(), Interface: at})
}
