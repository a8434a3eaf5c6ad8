//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A Sockaddr is a socket address as system calls take and give it. Not a
// unix.Sockaddr: that is an interface, and boxing one allocates.
type Sockaddr struct {
	Raw unix.RawSockaddrAny
	N   uint32
}

// Set fills sa for a socket of the given family.
func (sa *Sockaddr) Set(a poller.Addr, family int) Errno {
	if a.Path != "" {
		return sa.setUnix(a.Path)
	}
	if !a.AddrPort.IsValid() {
		return unix.EINVAL
	}
	return (*SockaddrIn6)(unsafe.Pointer(&sa.Raw)).SetFor(a.AddrPort, family, &sa.N, nil)
}

func (sa *Sockaddr) Addr(z *Zones) poller.Addr {
	switch sa.Raw.Addr.Family {
	case unix.AF_INET, unix.AF_INET6:
		return poller.AddrOf((*SockaddrIn6)(unsafe.Pointer(&sa.Raw)).AddrPort(z))
	case unix.AF_UNIX:
		un := (*unix.RawSockaddrUnix)(unsafe.Pointer(&sa.Raw))
		return poller.Addr{Path: unixPath(un, int(sa.N)-2)}
	}
	return poller.Addr{}
}

// A SockaddrIn6 has room for either family of IP and no more: datagrams and
// connections keep one each.
type SockaddrIn6 struct{ unix.RawSockaddrInet6 }

// set fills sa as an IPv6 address; an IPv4 one is mapped (RFC 4291, 2.5.5.2).
func (sa *SockaddrIn6) set(ap netip.AddrPort, n *uint32, z *Zones) Errno {
	sa.RawSockaddrInet6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: netPort(ap.Port()), Addr: ap.Addr().As16()}
	sa.sized(unix.SizeofSockaddrInet6)
	*n = unix.SizeofSockaddrInet6
	return sa.setZone(ap.Addr(), z)
}

// setZone refuses a zone that is none, and one that the system would not look at.
func (sa *SockaddrIn6) setZone(ip netip.Addr, z *Zones) Errno {
	zone := ip.Zone()
	switch {
	case zone == "":
		return 0
	case !scoped(ip):
		return unix.EINVAL
	}
	i, ok := z.find(zone)
	if !ok {
		return unix.ENODEV
	}
	sa.Scope_id = i
	return 0
}

// SetFor fills sa for a socket of the given family.
func (sa *SockaddrIn6) SetFor(ap netip.AddrPort, family int, n *uint32, z *Zones) Errno {
	if !ap.IsValid() {
		return unix.EDESTADDRREQ
	}
	if family != unix.AF_INET {
		return sa.set(ap, n, z)
	}
	ip := ap.Addr().Unmap()
	switch {
	case ap.Addr().Is4In6() && ap.Addr().Zone() != "":
		return unix.EINVAL
	case !ip.Is4():
		return unix.EAFNOSUPPORT
	}
	in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: netPort(ap.Port()), Addr: ip.As4()}
	sa.sized(unix.SizeofSockaddrInet4)
	*n = unix.SizeofSockaddrInet4
	return 0
}

// AddrPort allocates nothing, except now and then for an address with a zone. A mapped IPv4
// address comes out as IPv4, as users write it.
func (sa *SockaddrIn6) AddrPort(z *Zones) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), netPort(in.Port))
	case unix.AF_INET6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && scoped(ip) {
			ip = z.addr(ip, sa.Scope_id)
		}
		return netip.AddrPortFrom(ip, netPort(sa.Port))
	}
	return netip.AddrPort{}
}

// IsSame reports whether two addresses that the system has given are one. A link-local address
// may come with its interface or without it.
func (sa *SockaddrIn6) IsSame(o *SockaddrIn6) bool {
	switch {
	case sa.Family != o.Family || sa.Port != o.Port:
		return false
	case sa.Family == unix.AF_INET:
		return (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr == (*unix.RawSockaddrInet4)(unsafe.Pointer(o)).Addr
	}
	return sa.Addr == o.Addr && (sa.Scope_id == o.Scope_id || sa.Scope_id == 0 || o.Scope_id == 0)
}

// netPort turns a port into network order, or back.
func netPort(p uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], p)
	return binary.NativeEndian.Uint16(b[:])
}

// isIPv4 reports whether datagrams to sa are IPv4, also when a socket of IPv6 sends
// them.
func (sa *SockaddrIn6) isIPv4() bool {
	return sa.Family == unix.AF_INET || netip.AddrFrom16(sa.Addr).Is4In6()
}
