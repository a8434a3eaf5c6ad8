package sys

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
)

const (
	sizeofSockaddrIn4 = int32(unsafe.Sizeof(windows.RawSockaddrInet4{}))
	sizeofSockaddrIn6 = int32(unsafe.Sizeof(windows.RawSockaddrInet6{}))
)

// A Sockaddr is a socket address as system calls take and give it. Not a
// windows.Sockaddr: that is an interface, and boxing one allocates.
type Sockaddr struct {
	Raw SockaddrIn6
	N   int32
}

// Set fills sa for a socket of the given family.
func (sa *Sockaddr) Set(a poller.Addr, family int) Errno {
	if a.Path != "" {
		return windows.WSAEAFNOSUPPORT
	}
	if !a.AddrPort.IsValid() {
		return windows.WSAEINVAL
	}
	return sa.Raw.SetFor(a.AddrPort, family, &sa.N, nil)
}

// SetNone fills sa with the address that dissolves the connection of a datagram
// socket (connect, Remarks: "filled with zeros").
func (sa *Sockaddr) SetNone(family int) {
	sa.Raw, sa.N = SockaddrIn6{}, sizeofSockaddrIn6
	if family == windows.AF_INET {
		sa.N = sizeofSockaddrIn4
	}
}

func (sa *Sockaddr) Addr(z *Zones) poller.Addr { return poller.AddrOf(sa.Raw.AddrPort(z)) }

// A SockaddrIn6 has room for either family of IP.
type SockaddrIn6 struct{ windows.RawSockaddrInet6 }

// set fills sa as an IPv6 address; an IPv4 one is mapped (RFC 4291, 2.5.5.2).
func (sa *SockaddrIn6) set(ap netip.AddrPort, n *int32, z *Zones) Errno {
	sa.RawSockaddrInet6 = windows.RawSockaddrInet6{Family: windows.AF_INET6, Port: netPort(ap.Port()), Addr: ap.Addr().As16()}
	*n = sizeofSockaddrIn6
	return sa.setZone(ap.Addr(), z)
}

// setZone refuses a zone that is none, and one that the system would not look at.
func (sa *SockaddrIn6) setZone(ip netip.Addr, z *Zones) Errno {
	zone := ip.Zone()
	switch {
	case zone == "":
		return 0
	case !scoped(ip):
		return windows.WSAEINVAL
	}
	i, ok := z.find(zone)
	if !ok {
		return windows.WSAEADDRNOTAVAIL
	}
	sa.Scope_id = i
	return 0
}

// SetFor fills sa for a socket of the given family.
func (sa *SockaddrIn6) SetFor(ap netip.AddrPort, family int, n *int32, z *Zones) Errno {
	if !ap.IsValid() {
		return windows.WSAEDESTADDRREQ
	}
	if family != windows.AF_INET {
		return sa.set(ap, n, z)
	}
	ip := ap.Addr().Unmap()
	switch {
	case ap.Addr().Is4In6() && ap.Addr().Zone() != "":
		return windows.WSAEINVAL
	case !ip.Is4():
		return windows.WSAEAFNOSUPPORT
	}
	in := (*windows.RawSockaddrInet4)(unsafe.Pointer(sa))
	*in = windows.RawSockaddrInet4{Family: windows.AF_INET, Port: netPort(ap.Port()), Addr: ip.As4()}
	*n = sizeofSockaddrIn4
	return 0
}

// AddrPort allocates nothing, except now and then for an address with a zone. A mapped IPv4
// address comes out as IPv4, as users write it.
func (sa *SockaddrIn6) AddrPort(z *Zones) netip.AddrPort {
	switch sa.Family {
	case windows.AF_INET:
		in := (*windows.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), netPort(in.Port))
	case windows.AF_INET6:
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
	case sa.Family == windows.AF_INET:
		return (*windows.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr == (*windows.RawSockaddrInet4)(unsafe.Pointer(o)).Addr
	}
	return sa.Addr == o.Addr && (sa.Scope_id == o.Scope_id || sa.Scope_id == 0 || o.Scope_id == 0)
}

// netPort turns a port into network order, or back.
func netPort(p uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], p)
	return binary.NativeEndian.Uint16(b[:])
}
