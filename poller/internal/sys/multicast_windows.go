package sys

import (
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
)

// Options of ws2ipdef.h that x/sys lacks.
const (
	ipAddSourceMembership  = 15 // IP_ADD_SOURCE_MEMBERSHIP
	ipDropSourceMembership = 16 // IP_DROP_SOURCE_MEMBERSHIP
	mcastJoinSourceGroup   = 45 // MCAST_JOIN_SOURCE_GROUP
	mcastLeaveSourceGroup  = 46 // MCAST_LEAVE_SOURCE_GROUP
)

func setMulticastInterface(h windows.Handle, family, index int) error {
	if family == windows.AF_INET6 {
		return setInt(h, sockopt{windows.IPPROTO_IPV6, windows.IPV6_MULTICAST_IF}, index)
	}
	ip, err := interfaceIPv4(index)
	if err != nil {
		return err
	}
	return windows.Setsockopt(h, windows.IPPROTO_IP, windows.IP_MULTICAST_IF, &ip[0], int32(len(ip)))
}

// interfaceIPv4 names an interface as the options of IPv4 do, by an address of its
// ("IPPROTO_IP socket options"; the other way, 0.0.0.index, Wine does not know).
func interfaceIPv4(index int) (ip [4]byte, err error) {
	if index == 0 {
		return ip, nil
	}
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return ip, windows.WSAEADDRNOTAVAIL
	}
	all, err := i.Addrs()
	if err != nil {
		return ip, windows.WSAEADDRNOTAVAIL
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return [4]byte(n.IP.To4()), nil
		}
	}
	return ip, windows.WSAEADDRNOTAVAIL
}

// Membership joins or leaves; a socket of IPv6 that carries IPv4 joins groups of both
// ("Dual-Stack Sockets").
func Membership(h windows.Handle, family int, m poller.Membership, join bool) error {
	m, ok := settled(m)
	v4 := m.Group.Is4()
	switch {
	case !ok:
		return CallError("setsockopt", windows.WSAEADDRNOTAVAIL)
	case !m.Group.IsMulticast() || m.Source.IsValid() && m.Source.Is4() != v4,
		v4 && family == windows.AF_INET6 && !carriesIPv4(h), !v4 && family == windows.AF_INET:
		return CallError("setsockopt", windows.WSAEINVAL)
	}
	var err error
	switch {
	case v4:
		err = membershipIPv4(h, m, join)
	case m.Source.IsValid():
		err = membershipSource(h, m, join)
	default:
		in := windows.IPv6Mreq{Multiaddr: m.Group.As16(), Interface: uint32(m.Interface)}
		name := pick(join, windows.IPV6_JOIN_GROUP, windows.IPV6_LEAVE_GROUP)
		err = set(h, windows.IPPROTO_IPV6, name, unsafe.Pointer(&in), unsafe.Sizeof(in))
	}
	if err == windows.WSAENOPROTOOPT {
		return errors.ErrUnsupported
	}
	return Fault("setsockopt", err)
}

func membershipIPv4(h windows.Handle, m poller.Membership, join bool) error {
	local, err := interfaceIPv4(m.Interface)
	if err != nil {
		return err
	}
	if !m.Source.IsValid() {
		in := windows.IPMreq{Multiaddr: m.Group.As4(), Interface: local}
		name := pick(join, windows.IP_ADD_MEMBERSHIP, windows.IP_DROP_MEMBERSHIP)
		return set(h, windows.IPPROTO_IP, name, unsafe.Pointer(&in), unsafe.Sizeof(in))
	}
	in := struct{ group, source, local [4]byte }{m.Group.As4(), m.Source.As4(), local} // ip_mreq_source (ws2ipdef.h)
	return set(h, windows.IPPROTO_IP, pick(join, ipAddSourceMembership, ipDropSourceMembership), unsafe.Pointer(&in), unsafe.Sizeof(in))
}

// membershipSource is for IPv6, by the protocol-independent options of RFC 3678.
func membershipSource(h windows.Handle, m poller.Membership, join bool) error {
	var in struct { // group_source_req (ws2ipdef.h); a sockaddr_storage aligns to 8
		index         uint32
		_             [4]byte
		group, source [128]byte
	}
	in.index = uint32(m.Interface)
	fillStorage(&in.group, m.Group)
	fillStorage(&in.source, m.Source)
	return set(h, windows.IPPROTO_IPV6, pick(join, mcastJoinSourceGroup, mcastLeaveSourceGroup), unsafe.Pointer(&in), unsafe.Sizeof(in))
}

func fillStorage(b *[128]byte, ip netip.Addr) {
	var sa Sockaddr
	if sa.Set(poller.AddrOf(netip.AddrPortFrom(ip, 0)), windows.AF_INET6) == 0 {
		copy(b[:], (*[unsafe.Sizeof(sa.Raw)]byte)(unsafe.Pointer(&sa.Raw))[:])
	}
}

func set(h windows.Handle, level, name int32, in unsafe.Pointer, size uintptr) error {
	return windows.Setsockopt(h, level, name, (*byte)(in), int32(size))
}

func pick(first bool, a, b int32) int32 {
	if first {
		return a
	}
	return b
}
