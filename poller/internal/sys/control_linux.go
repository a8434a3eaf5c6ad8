package sys

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// Control data (cmsg(3)) is aligned as a word. RecvControl has room for all that we ask for
// (GRO, packet info, traffic class), and for some more that others may have asked for by the
// descriptor. SendControl has room for all that we say.
type (
	RecvControl [40]uint64
	SendControl [12]uint64
)

func (c *RecvControl) Bytes(n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(c)), len(c)*8)[:n]
}

// applyControl has the system tell what o asks for. A socket of IPv6 may receive IPv4, too.
// Of such datagrams the system tells the class as to a socket of IPv4, and the address in the
// form of IPv6.
func applyControl(fd int32, family int, o *poller.Options) error {
	var err error
	on := func(want bool, level, name int) {
		if want && err == nil {
			err = unix.SetsockoptInt(int(fd), level, name, 1)
		}
	}
	if family == unix.AF_INET6 {
		on(o.RecvPacketInfo, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO)
		on(o.RecvTrafficClass, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS)
	} else {
		on(o.RecvPacketInfo, unix.IPPROTO_IP, unix.IP_PKTINFO)
	}
	on(o.RecvTrafficClass, unix.IPPROTO_IP, unix.IP_RECVTOS)
	return os.NewSyscallError("setsockopt", err)
}

// ReadControl fills m with what the control data of a received message says. It does
// not allocate, as x/sys does for each.
func ReadControl(control []byte, m *poller.Message, info, class bool) {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(control) {
			return
		}
		readOne(h, control[unix.CmsgLen(0):n], m, info, class)
		control = control[min(unix.CmsgSpace(n-unix.CmsgLen(0)), len(control)):]
	}
}

func readOne(h *unix.Cmsghdr, p []byte, m *poller.Message, info, class bool) {
	at := unsafe.Pointer(unsafe.SliceData(p))
	switch {
	case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(p) >= 4:
		if size := int(*(*int32)(at)); 0 < size && size < len(m.Data) {
			m.Segment = size
		}
	case info && h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(p) >= unix.SizeofInet4Pktinfo:
		i := (*unix.Inet4Pktinfo)(at)
		m.Local, m.Interface = netip.AddrFrom4(i.Addr), int(i.Ifindex)
		if i.Spec_dst != i.Addr { // the address that an answer is from (ip(7))
			m.MarkBroadcast()
		}
	case info && h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(p) >= unix.SizeofInet6Pktinfo:
		i := (*unix.Inet6Pktinfo)(at)
		m.Local, m.Interface = netip.AddrFrom16(i.Addr).Unmap(), int(i.Ifindex)
	case class && h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS && len(p) >= 1:
		m.TrafficClass = p[0]
	case class && h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_TCLASS && len(p) >= 4:
		m.TrafficClass = uint8(*(*int32)(at))
	}
}

// Set fills c and makes it the control data of h: how the system is to cut the data (0: not at
// all), and what the header of a datagram to a peer is to say.
func (c *SendControl) Set(h *unix.Msghdr, segment int, say *poller.Control, to *SockaddrIn6, z *Zones) Errno {
	n := 0
	if segment > 0 {
		*(*uint16)(c.next(&n, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)) = uint16(segment)
	}
	if *say != (poller.Control{}) {
		if e := c.say(&n, say, to.isIPv4(), z); e != 0 {
			return e
		}
	}
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(n)
	return 0
}

// say writes what the header is to say. The form is that of the destination, IPv4 or IPv6,
// whatever the socket is.
func (c *SendControl) say(n *int, say *poller.Control, v4 bool, z *Zones) Errno {
	local, via := say.Source(), say.Interface
	if zone := say.Local.Zone(); zone != "" {
		i, ok := z.find(zone)
		if !ok {
			return unix.ENODEV
		}
		if via == 0 {
			via = int(i)
		}
		if via != int(i) {
			return unix.EINVAL
		}
	}
	switch {
	case say.Local.IsValid() && say.Local.Unmap().Is4() != v4:
		return unix.EINVAL
	case int64(via) != int64(int32(via)) || via < 0:
		return unix.ENODEV
	}
	info := local.IsValid() || via != 0
	if v4 {
		if info {
			i := (*unix.Inet4Pktinfo)(c.next(n, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo))
			*i = unix.Inet4Pktinfo{Ifindex: int32(via)}
			if local.IsValid() {
				i.Spec_dst = local.As4()
			}
		}
		if say.TrafficClass != 0 {
			*(*int32)(c.next(n, unix.IPPROTO_IP, unix.IP_TOS, 4)) = int32(say.TrafficClass)
		}
		return 0
	}
	if info {
		i := (*unix.Inet6Pktinfo)(c.next(n, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo))
		*i = unix.Inet6Pktinfo{Ifindex: uint32(via)}
		if local.IsValid() {
			i.Addr = local.As16()
		}
	}
	if say.TrafficClass != 0 {
		*(*int32)(c.next(n, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 4)) = int32(say.TrafficClass)
	}
	return 0
}

// next begins another element at n, which it moves behind it, and returns where
// its data goes.
func (c *SendControl) next(n *int, level, name, size int) unsafe.Pointer {
	h := (*unix.Cmsghdr)(unsafe.Add(unsafe.Pointer(c), *n))
	*h = unix.Cmsghdr{Level: int32(level), Type: int32(name)}
	h.SetLen(unix.CmsgLen(size))
	at := *n + unix.CmsgLen(0)
	*n += unix.CmsgSpace(size)
	return unsafe.Add(unsafe.Pointer(c), at)
}
