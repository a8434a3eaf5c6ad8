package sim

import (
	"net/netip"
	"slices"

	"example.com/pike/poller"
)

// A machine is what the processes of a host share: addresses, ports, links.
type machine struct {
	w     *World
	name  string
	id    uint16
	off   bool // has no power
	first *Host
	hosts []*Host   // its processes
	loose []*stream // that were detached by a poller which is closed

	offUntil poller.Time // when the power comes back; Never: by nothing that is known yet
	held     int         // cuts of it by acts that last

	clock hostClock

	addrs []netip.Addr // besides the loopback ones
	links []*link      // by the id of the other machine
	ports map[portKey]*port
	paths map[string]*pathname // of unix domains
	next  uint16               // the next ephemeral port, less ephemeralFirst
}

// A portKey names a port: those of TCP and UDP are different ones.
type portKey struct {
	number uint16
	udp    bool
}

// A port is whoever uses it.
type port struct {
	listeners []*listener
	packets   []*packet
	streams   int         // dialed or accepted and not closed
	alone     int         // of these, those that share their port with nobody
	wait      poller.Time // until when connections are in TIME_WAIT
}

// The ephemeral ports of Linux (ip(7), ip_local_port_range).
const (
	ephemeralFirst = 32768
	ephemeralCount = 60999 - ephemeralFirst + 1
)

// timeWait is how long the side that closed first keeps the port, twice the
// longest life of a segment. Linux takes 60 s.
const timeWait = 60 * second

func (p *port) unused(now poller.Time) bool {
	return len(p.listeners) == 0 && len(p.packets) == 0 && p.streams == 0 && p.wait <= now
}

// shared reports whether one more connection that shares its port may have this one. It may
// if all sockets that have the port share it, and none of them listens
// (inet_csk_bind_conflict in net/ipv4/inet_connection_sock.c). Those in TIME_WAIT do not
// matter.
func (p *port) shared() bool { return len(p.listeners) == 0 && p.alone == 0 }

// enter counts a stream, and exit counts it out.
func (p *port) enter(shares bool) {
	p.streams++
	if !shares {
		p.alone++
	}
}

func (p *port) exit(shares bool) {
	p.streams--
	if !shares {
		p.alone--
	}
}

// shares reports whether a socket lets others have its port.
func (t *options) shares() bool { return t.reuse || t.reusePort }

// port finds a port, and makes it if nobody has used it yet.
func (m *machine) port(k portKey) *port {
	p := m.ports[k]
	if p == nil {
		p = new(port)
		m.ports[k] = p
	}
	return p
}

// called reports whether m has the name, as World.Host takes it.
func (m *machine) called(name string) bool { return m.name == name || folded(m.name) == folded(name) }

// leave forgets a port that is not used any more.
func (m *machine) leave(k portKey) {
	if p := m.ports[k]; p != nil && p.unused(m.w.now) {
		delete(m.ports, k)
	}
}

// ephemeral finds a port that nobody uses; 0 means that there is none.
func (m *machine) ephemeral(udp bool) uint16 {
	for range ephemeralCount {
		k := portKey{ephemeralFirst + m.next, udp}
		m.next = (m.next + 1) % ephemeralCount
		if p := m.ports[k]; p == nil || p.unused(m.w.now) {
			return k.number
		}
	}
	return 0
}

// isLocal reports whether a is an address of m.
func (m *machine) isLocal(a netip.Addr) bool {
	return a.IsLoopback() || slices.Contains(m.addrs, a.WithZone(""))
}

// canBind reports whether a socket of m can have the address: its own, a
// wildcard, and to receive datagrams only, a group or a broadcast address.
func (m *machine) canBind(a netip.Addr, datagrams bool) bool {
	return zoned(a) == eOK && (a.IsUnspecified() || m.isLocal(a) || datagrams && (a.IsMulticast() || m.isBroadcast(a)))
}

// limitedBroadcast is every machine of the sender's network (RFC 919).
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// loopbackBroadcast is every socket of a machine.
var loopbackBroadcast = netip.AddrFrom4([4]byte{127, 255, 255, 255})

// isBroadcast reports whether a reaches every machine of a network of m. Such an address is
// limitedBroadcast, or the last address of the network. Every network but loopback has 256
// addresses.
func (m *machine) isBroadcast(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	if b[3] != 255 {
		return false
	}
	return a == limitedBroadcast || a == loopbackBroadcast || slices.ContainsFunc(m.addrs, func(own netip.Addr) bool {
		if !own.Is4() {
			return false
		}
		o := own.As4()
		return [3]byte(o[:3]) == [3]byte(b[:3])
	})
}

// route finds the machine that has an address, and the address of m that it is reached
// from. If nobody has the address the machine is nil, and everything sent there is lost.
// Without a source there is no way there at all.
func (m *machine) route(to netip.Addr) (*machine, netip.Addr) {
	to = to.WithZone("")
	if m.isLocal(to) {
		return m, to
	}
	for _, own := range m.addrs {
		if own.Is4() == to.Is4() {
			return m.w.byAddr[to], own
		}
	}
	return nil, netip.Addr{}
}

// self is what an unspecified destination means: this machine.
func self(a netip.Addr) netip.Addr {
	switch {
	case !a.IsUnspecified():
		return a
	case a.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
