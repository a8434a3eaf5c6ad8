package sim

import (
	"net/netip"

	"example.com/pike/poller"
)

// A datagram is under way, or received and not yet told.
type datagram struct {
	w     *World
	from  *packet
	to    *machine
	src   netip.AddrPort
	dst   netip.AddrPort
	via   int // the interface it arrives by
	many  bool
	class uint8
	data  []byte
}

// The longest datagrams of IPv4 and IPv6 (RFC 768; jumbograms, RFC 2675, are not
// modelled).
const (
	datagramMost4 = 65507
	datagramMost6 = 65527
)

// transmit sends one message. A run is sent as its datagrams.
func (s *packet) transmit(m poller.Message) errno {
	if m.Segment < 0 {
		return eINVAL
	}
	for p := range m.Datagrams() {
		if e := s.transmitOne(&m, p); e != eOK {
			return e
		}
	}
	return eOK
}

func (s *packet) transmitOne(m *poller.Message, data []byte) errno {
	peer := m.Peer
	if !peer.IsValid() {
		if peer = s.peer; !peer.IsValid() {
			return eDESTADDRREQ
		}
	}
	to, e := s.dest(peer)
	most := datagramMost6
	if to.Addr().Is4() {
		most = datagramMost4
	}
	switch {
	case e != eOK:
		return e
	case len(data) > most:
		return eMSGSIZE
	case to.Port() == 0, m.Local.IsValid() && !s.canSendFrom(m.Local, to.Addr()):
		return eINVAL
	case zoneIndex(m.Local.Zone()) < 0:
		return eNODEV
	case m.Interface < 0 || m.Interface > interfaces:
		return eNODEV
	case to.Addr().IsMulticast():
		return s.multicast(to, &m.Control, data)
	case s.h.m.isBroadcast(to.Addr()):
		return s.broadcast(to, &m.Control, data)
	}
	machine, from := s.h.m.route(to.Addr())
	if !from.IsValid() || machine != s.h.m && m.Interface == loopbackInterface {
		return eNETUNREACH
	}
	if machine != nil {
		s.post(machine, s.datagram(from, to, s.via(machine), &m.Control), data)
	}
	return eOK
}

// canSendFrom reports whether a datagram can have a source address. It can if the address is
// one of this machine and of the family of the destination, or one for many.
func (s *packet) canSendFrom(local, to netip.Addr) bool {
	local = local.Unmap()
	return local.Is4() == to.Is4() && (s.h.m.isLocal(local) || s.isMany(local))
}

// isMany reports whether an address is one for many, of a group or a broadcast. No datagram can
// come from it. As a source it leaves the choice to the system.
func (s *packet) isMany(local netip.Addr) bool {
	return local.IsMulticast() || s.h.m.isBroadcast(local)
}

// datagram is one that c may have something to say about.
func (s *packet) datagram(from netip.Addr, to netip.AddrPort, via int, c *poller.Control) datagram {
	d := datagram{src: s.source(from), dst: to, via: via, class: s.opt.class}
	if c.Local.IsValid() && !s.isMany(c.Local.Unmap()) {
		d.src = netip.AddrPortFrom(c.Local.Unmap(), d.src.Port())
	}
	if c.TrafficClass != 0 {
		d.class = c.TrafficClass
	}
	return d
}

// source is the address that the receiver sees.
func (s *packet) source(from netip.Addr) netip.AddrPort {
	if own := s.local.Addr(); !own.IsUnspecified() && !own.IsMulticast() {
		from = own
	}
	return netip.AddrPortFrom(from, s.local.Port())
}

func (s *packet) via(to *machine) int {
	if to == s.h.m {
		return loopbackInterface
	}
	return networkInterface
}

// broadcast sends to every machine of the network, this one too.
func (s *packet) broadcast(to netip.AddrPort, c *poller.Control, data []byte) errno {
	if !s.opt.broadcast {
		return eACCES
	}
	if to.Addr() == loopbackBroadcast {
		d := s.datagram(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to, loopbackInterface, c)
		d.many = true
		s.post(s.h.m, d, data)
		return eOK
	}
	_, from := s.h.m.route(to.Addr())
	if !from.IsValid() {
		return eNETUNREACH
	}
	within := to.Addr()
	if b := from.As4(); within == limitedBroadcast {
		b[3] = 255
		within = netip.AddrFrom4(b)
	}
	d := s.datagram(from, to, networkInterface, c)
	d.many = true
	for _, m := range s.h.w.machines {
		if m.isBroadcast(within) {
			s.post(m, d, data)
		}
	}
	return eOK
}

// post puts a datagram on the way to a machine, if it does not get lost.
func (s *packet) post(to *machine, d datagram, data []byte) {
	h := s.h
	w := h.w
	l := h.m.link(to)
	l.mayPart(h, to, d.dst.Port())
	if to.off || !l.up() {
		return
	}
	dst := poller.AddrOf(d.dst)
	for range max(1, (len(data)+l.MTU-1)/l.MTU) { // if a fragment is lost, all is
		if l.strikes(h, Drop, l.Loss, to, &dst) {
			return
		}
	}
	at := l.arrival(len(data))
	if l.strikes(h, Reorder, l.Reorder, to, &dst) {
		at += w.span(Reorder)
	} else {
		at = max(at, l.packet)
		l.packet = at
	}
	d.from, d.to = s, to
	w.queue.push(at, evDatagram, w.takeDatagram(d, data), 0)
	if l.strikes(h, Duplicate, l.Duplicate, to, &dst) {
		w.queue.push(at+w.span(Duplicate), evDatagram, w.takeDatagram(d, data), 0)
	}
}

// strikes decides a fault that the link may have of its own as well.
func (l *link) strikes(h *Host, f Fault, ppm uint32, to *machine, dst *poller.Addr) bool {
	if h.strikes(f, h.m, to, dst.Port(), dst) {
		return true
	}
	if ppm == 0 || !l.w.dice.chance(die(f), ppm) || !l.w.strikesByChance(f) {
		return false
	}
	l.w.by = nil
	h.struck(f, dst)
	return true
}

// happen is the arrival of the datagram.
func (d *datagram) happen(kind, int64) {
	m := d.to
	if m.off {
		d.w.giveDatagram(d)
		return
	}
	p := m.ports[portKey{d.dst.Port(), true}]
	switch {
	case d.many && p != nil:
		for _, s := range p.packets {
			if s.hears(d) {
				s.enqueue(d.w.takeDatagram(*d, d.data))
			}
		}
		d.w.giveDatagram(d)
	case d.many:
		d.w.giveDatagram(d)
	default:
		if s := p.packetFor(d); s != nil {
			s.enqueue(d)
			return
		}
		d.unreachable()
		d.w.giveDatagram(d)
	}
}

// packetFor finds the socket that gets a datagram sent to it alone.
func (p *port) packetFor(d *datagram) *packet {
	if p == nil {
		return nil
	}
	best, score, same := (*packet)(nil), 0, uint64(0)
	for _, s := range p.packets {
		n := 2 * fits(&s.socket, d.dst.Addr())
		if s.peer.IsValid() {
			if s.peer != d.src {
				continue
			}
			n++
		}
		switch {
		case n < 2 || n < score:
		case n > score:
			best, score, same = s, n, 1
		case s.opt.reusePort:
			// SO_REUSEPORT spreads flows: what comes from one address stays together.
			same++
			src := poller.AddrOf(d.src)
			if mixAddr(fnvOffset, &src)>>7%same == 0 {
				best = s
			}
		default: // SO_REUSEADDR: the one bound last
			best = s
		}
	}
	return best
}

// enqueue has the system keep d, if the socket has room.
func (s *packet) enqueue(d *datagram) {
	n := len(d.data) + packetOverhead
	if s.queued+n > int(s.opt.recvBuffer) && len(s.queue) > 0 {
		s.h.note(vOverflow, s.id, &s.local, int64(len(d.data)), eOK)
		d.w.giveDatagram(d)
		return
	}
	s.queued += n
	s.queue = append(s.queue, d)
	s.wake()
}

func (w *World) takeDatagram(of datagram, data []byte) *datagram {
	var d *datagram
	if n := len(w.packets); n > 0 {
		d = w.packets[n-1]
		w.packets = w.packets[:n-1]
	} else {
		d = new(datagram)
	}
	of.data = append(d.data[:0], data...)
	*d = of
	d.w = w
	return d
}

func (w *World) giveDatagram(d *datagram) {
	d.from, d.to = nil, nil
	w.packets = append(w.packets, d)
}
