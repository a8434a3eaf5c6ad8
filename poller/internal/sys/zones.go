package sys

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	"example.com/pike/poller"
)

// Zones are the interfaces of the machine, as they were at most zonesAge ago. They are the
// zones of its link-local addresses (RFC 4007, 11.2). The system has them as numbers and users
// have them as names; to ask for one name costs a list of all, so the list is kept. A nil
// *Zones asks each time, for calls that are rare.
type Zones struct {
	at    time.Time
	names map[uint32]string
	index map[string]uint32
	addrs map[scopedAddr]netip.Addr // with the zones that they have: to make one allocates
}

// A scopedAddr is an address as the system has it.
type scopedAddr struct {
	ip    [16]byte
	index uint32
}

const (
	zonesAge  = time.Second
	addrsMost = 1024
)

// addr is an address on a link.
func (z *Zones) addr(ip netip.Addr, index uint32) netip.Addr {
	if z == nil {
		return ip.WithZone(z.name(index))
	}
	key := scopedAddr{ip.As16(), index}
	if z.fresh() {
		if a, ok := z.addrs[key]; ok {
			return a
		}
	}
	a := ip.WithZone(z.name(index))
	if len(z.addrs) >= addrsMost {
		clear(z.addrs)
	}
	z.addrs[key] = a
	return a
}

// name is that of an interface, or its number if it has none any more.
func (z *Zones) name(index uint32) string {
	if z == nil {
		z = new(Zones)
	}
	if z.fresh() {
		if name, ok := z.names[index]; ok {
			return name
		}
	}
	if z.read(); z.names[index] != "" {
		return z.names[index]
	}
	return strconv.FormatUint(uint64(index), 10)
}

// find is the number of an interface, given by its name or number. 0 is no interface: to the
// system it means any.
func (z *Zones) find(zone string) (index uint32, ok bool) {
	if zone != "" && zone[0] <= '9' { // an error would allocate
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			return uint32(n), n > 0
		}
	}
	if z == nil {
		z = new(Zones)
	}
	if z.fresh() {
		if index, ok = z.index[zone]; ok {
			return index, true
		}
	}
	z.read()
	index, ok = z.index[zone]
	return index, ok
}

func (z *Zones) fresh() bool { return z.names != nil && time.Since(z.at) < zonesAge }

// read asks the system. If it does not answer there are none.
func (z *Zones) read() {
	all, _ := net.Interfaces()
	z.at = time.Now()
	z.names, z.index = make(map[uint32]string, len(all)), make(map[string]uint32, len(all))
	z.addrs = map[scopedAddr]netip.Addr{}
	for i := range all {
		z.names[uint32(all[i].Index)] = all[i].Name
		z.index[all[i].Name] = uint32(all[i].Index)
	}
}

// scoped reports whether a zone means something for an address. The system looks at the zone
// only of addresses that mean another host on each link (RFC 4007, 6).
func scoped(ip netip.Addr) bool {
	return ip.Is6() && (ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast())
}

// settled is m with the interface that its zones name, and without the zones. ok is false where
// they do not name exactly one.
func settled(m poller.Membership) (s poller.Membership, ok bool) {
	for _, ip := range []*netip.Addr{&m.Group, &m.Source} {
		if z := ip.Zone(); z != "" {
			i, ok := (*Zones)(nil).find(z)
			if !ok || m.Interface != 0 && m.Interface != int(i) {
				return m, false
			}
			m.Interface = int(i)
		}
		*ip = ip.Unmap().WithZone("")
	}
	return m, true
}
