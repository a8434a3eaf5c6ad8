package sim

import (
	"net"
	"net/netip"
	"slices"

	"example.com/pike/poller"
)

// The interfaces of every machine, by index.
const (
	loopbackInterface = 1
	networkInterface  = 2
	interfaces        = networkInterface
)

// zoneIndex is the interface that a zone names: "lo", "eth0" or a number. It is 0 if there is
// no zone, and less than 0 if there is no such interface.
func zoneIndex(zone string) int {
	switch zone {
	case "":
		return 0
	case "lo", "1":
		return loopbackInterface
	case "eth0", "2":
		return networkInterface
	}
	return -1
}

// zoned says why an address cannot have the zone that it has: there is no such zone, or the
// address needs none (RFC 4007, 6).
func zoned(ip netip.Addr) errno {
	switch z := zoneIndex(ip.Zone()); {
	case z == 0:
		return eOK
	case !ip.IsLinkLocalUnicast() && !ip.IsLinkLocalMulticast() && !ip.IsInterfaceLocalMulticast():
		return eINVAL
	case z < 0:
		return eNODEV
	}
	return eOK
}

// Join adds a group.
func (s *packet) Join(m poller.Membership) error { return s.member(vJoin, m, s.join) }

// Leave takes one away.
func (s *packet) Leave(m poller.Membership) error { return s.member(vLeave, m, s.leave) }

func (s *packet) member(v verb, m poller.Membership, change func(poller.Membership) errno) error {
	if s.closed {
		return net.ErrClosed
	}
	e := eOK
	for _, ip := range []*netip.Addr{&m.Group, &m.Source} {
		if z := zoneIndex(ip.Zone()); z != m.Interface && z != 0 && m.Interface != 0 || z < 0 {
			e = eNODEV
		} else if z > 0 {
			m.Interface = z
		}
		*ip = ip.Unmap().WithZone("")
	}
	group := poller.AddrOf(netip.AddrPortFrom(m.Group, 0))
	switch {
	case e != eOK:
	case !m.Group.IsMulticast(), m.Group.Is4() && s.family == inet6 && (s.opt.v6Only || !s.bound.Addr().IsUnspecified()),
		m.Group.Is6() && s.family == inet,
		m.Source.IsValid() && m.Source.Is4() != m.Group.Is4():
		e = eINVAL
	case m.Interface < 0 || m.Interface > interfaces:
		e = eNODEV
	default:
		if m.Interface == 0 {
			m.Interface = s.h.m.interfaceFor(m.Group)
		}
		e = change(m)
	}
	source := poller.AddrOf(netip.AddrPortFrom(m.Source, 0))
	s.h.noteAt(v, s.id, &group, mixAddr(uint64(m.Interface), &source), e)
	return e.of("setsockopt")
}

// interfaceFor is the system's choice for a group: the network, if there is one.
func (m *machine) interfaceFor(group netip.Addr) int {
	if slices.ContainsFunc(m.addrs, func(a netip.Addr) bool { return a.Is4() == group.Is4() }) {
		return networkInterface
	}
	return loopbackInterface
}

// join joins a group as Linux does (ip(7)): from everybody, or from some sources, but not
// both.
func (s *packet) join(m poller.Membership) errno {
	for _, g := range s.groups {
		if g.Group != m.Group || g.Interface != m.Interface {
			continue
		}
		switch {
		case g == m:
			return eADDRINUSE
		case !g.Source.IsValid() || !m.Source.IsValid():
			return eINVAL
		}
	}
	s.groups = append(s.groups, m)
	return eOK
}

// leave without a source drops every source.
func (s *packet) leave(m poller.Membership) errno {
	before := len(s.groups)
	s.groups = slices.DeleteFunc(s.groups, func(g poller.Membership) bool {
		return g.Group == m.Group && g.Interface == m.Interface && (!m.Source.IsValid() || g.Source == m.Source)
	})
	if len(s.groups) == before {
		return eADDRNOTAVAIL
	}
	return eOK
}

// multicast sends to every machine in reach. There the sockets that have joined get it.
func (s *packet) multicast(to netip.AddrPort, c *poller.Control, data []byte) errno {
	h := s.h
	via := c.Interface
	if z := zoneIndex(to.Addr().Zone()); z > 0 {
		if via != 0 && via != z {
			return eINVAL
		}
		via = z
	}
	if via == 0 {
		via = int(s.opt.multicastInterface)
	}
	if via == 0 {
		via = h.m.interfaceFor(to.Addr())
	}
	from := self(netip.IPv6Unspecified())
	if to.Addr().Is4() {
		from = self(netip.IPv4Unspecified())
	}
	if via == networkInterface {
		i := slices.IndexFunc(h.m.addrs, func(a netip.Addr) bool { return a.Is4() == to.Addr().Is4() })
		if i < 0 {
			return eNETUNREACH
		}
		from = h.m.addrs[i]
	}
	to = netip.AddrPortFrom(to.Addr().WithZone(""), to.Port())
	d := s.datagram(from, to, via, c)
	d.many = true
	for _, m := range h.w.machines {
		here := m == h.m
		if here && s.opt.multicastLoop || !here && via == networkInterface && s.opt.multicastTTL > 0 {
			s.post(m, d, data)
		}
	}
	return eOK
}

// hears reports whether s gets a datagram for many.
func (s *packet) hears(d *datagram) bool {
	if s.peer.IsValid() && s.peer != d.src {
		return false
	}
	own, to := s.local.Addr(), d.dst.Addr()
	if own != to && !(own.IsUnspecified() && fits(&s.socket, to) > 0) {
		return false
	}
	if !to.IsMulticast() {
		return true
	}
	return slices.ContainsFunc(s.groups, func(g poller.Membership) bool {
		return g.Group == to && g.Interface == d.via && (!g.Source.IsValid() || g.Source == d.src.Addr())
	})
}
