package pollertest

import (
	"errors"
	"net/netip"

	"example.com/pike/poller"
)

// These tests are of what the IP header says. A backend that cannot receive it refuses the
// options. One that cannot send it refuses the message. Neither may be silent about it.
var controlClauses = []clause{
	{name: "Control_packet_info_is_received", test: controlInfo, both: true},
	{name: "Control_traffic_class_is_received", test: controlClass, both: true},
	{name: "Control_stays_with_its_datagram", test: controlRuns, both: true},
	{name: "Control_sends_from_an_address", test: controlLocal, both: true},
	{name: "Control_refuses_what_is_not_ours", test: controlBad, both: true},
	{name: "Control_of_both_families", test: controlDualStack},
	{name: "Control_of_a_group", test: controlGroup, both: true},
	{name: "Control_of_a_broadcast", test: controlBroadcast},
	{name: "Control_zone_is_an_interface", test: controlZone},
}

// telling is a socket that is told all there is, or a reason to skip.
func (r *rig) telling(addr poller.Addr) *packet {
	r.Helper()
	o := &poller.Options{RecvPacketInfo: true, RecvTrafficClass: true, RecvSegments: true, RecvBuffer: roomy}
	p, err := r.tryBind(addr, o)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend does not tell what an IP header says: ", err)
	}
	r.noError("Bind", err)
	p.start()
	return p
}

// sends sends ms, which have a Control; a backend may say that it cannot.
func (p *packet) sends(ms ...poller.Message) {
	p.Helper()
	if !p.send(ms...) {
		p.until("a Send is answered", func() bool { return !p.sending })
		if errors.Is(p.sendErr, errors.ErrUnsupported) {
			p.Skip("this backend does not send what an IP header should say: ", p.sendErr)
		}
		p.noError("Sent", p.sendErr)
	}
}

// hears waits for one datagram.
func (p *packet) hears() poller.Message {
	p.Helper()
	p.until("a datagram is received", func() bool { return len(p.got) > 0 })
	if len(p.got) != 1 {
		p.Fatalf("%s: received %d datagrams, want one", p.name, len(p.got))
	}
	m := p.got[0]
	p.got = nil
	return m
}

func (r *rig) wildcard() poller.Addr {
	if r.host.Is6() {
		return anyIPv6
	}
	return poller.AddrOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
}

func (r *rig) local(what string, m poller.Message, want netip.Addr) {
	r.Helper()
	if m.Local != want || m.Interface <= 0 {
		r.Errorf("%s: a datagram to %v came to %v, interface %d", what, want, m.Local, m.Interface)
	}
}

func controlInfo(r *rig) {
	for _, addr := range []poller.Addr{r.addr(0), r.wildcard()} {
		q, p := r.telling(addr), r.bind(nil)
		p.deliver(message(r.addr(q.addr().Port()), 1, 10))
		r.local("bound to "+addr.String(), q.hears(), r.host)
	}
}

func controlClass(r *rig) {
	q, p := r.telling(r.addr(0)), r.bind(nil)
	heard := func(what string, want uint8) {
		r.Helper()
		if m := q.hears(); m.TrafficClass != want {
			r.Errorf("%s: the traffic class is %#x, want %#x", what, m.TrafficClass, want)
		}
	}
	for _, class := range []uint8{1, 2, 3, 0xb8, 0xba, 4} {
		m := message(q.addr(), 1, 10)
		m.TrafficClass = class
		p.sends(m)
		heard("sent with the message", class)
	}
	p.deliver(message(q.addr(), 1, 10))
	heard("the socket's own", 0)
	r.noError("SetOption", p.s.SetOption(poller.TrafficClass, 0x28))
	p.deliver(message(q.addr(), 1, 10))
	heard("by option", 0x28)
	m := message(q.addr(), 1, 10)
	m.TrafficClass = 2
	p.sends(m)
	heard("in place of the option's", 2)
}

// controlRuns sends datagrams of one size and of different classes.
func controlRuns(r *rig) {
	r.telling(r.addr(0)).close()
	r.offloads(func(p, _ *packet) {
		q := r.telling(r.addr(0))
		const n = 100
		ms := messages(q.addr(), n, 50)
		want := map[string]uint8{}
		for i := range ms {
			ms[i].TrafficClass = uint8(i / 7 % 4)
			want[string(ms[i].Data)] = ms[i].TrafficClass
		}
		p.sends(ms...)
		whole, parts := run(q.addr(), 30, 70, 70)
		whole.TrafficClass = 1
		for _, m := range parts {
			want[string(m.Data)] = 1
		}
		p.sends(whole)
		r.until("all is received", func() bool { return len(q.got) >= len(want) })
		for _, m := range q.got {
			class, sent := want[string(m.Data)]
			if !sent || class != m.TrafficClass {
				r.Errorf("a datagram of class %d arrived with %d (sent: %v)", class, m.TrafficClass, sent)
			}
			delete(want, string(m.Data))
			r.local("of a run", m, r.host)
		}
		q.got = nil
		q.close()
	})
}

func controlLocal(r *rig) {
	p, q := r.bindAt(r.wildcard(), nil), r.bind(nil)
	m := message(q.addr(), 1, 10)
	m.Local = r.host
	p.sends(m)
	from := q.hears().Peer
	r.same("Peer", poller.AddrOf(from), r.addr(p.addr().Port()))

	// What was received goes back from where it came to, as it is.
	s := r.telling(r.wildcard())
	q.deliver(message(r.addr(s.addr().Port()), 2, 10))
	m = s.hears()
	s.sends(m)
	r.same("Peer of an answer", poller.AddrOf(q.hears().Peer), r.addr(s.addr().Port()))
}

func controlBad(r *rig) {
	far := netip.MustParseAddr("192.0.2.99") // of nobody (RFC 5737, RFC 3849)
	other := netip.IPv6Loopback()
	if r.host.Is6() {
		far, other = netip.MustParseAddr("2001:db8::99"), localhost
	}
	p, q := r.bindAt(r.wildcard(), nil), r.bind(nil)
	one := message(q.addr(), 1, 10)
	for _, c := range []poller.Control{{Local: far}, {Local: other}, {Interface: 1 << 20}, {Interface: -1}} {
		bad := one
		bad.Control = c
		if err := p.fails(1, one, bad, one); err == nil {
			r.Errorf("sent with %+v", c)
		}
		q.expect(poller.Message{Data: one.Data, Peer: netip.AddrPortFrom(r.host, p.addr().Port())})
		r.settle()
		if len(q.got) > 0 {
			r.Fatalf("%d datagrams arrived that were refused, or not tried: %+v", len(q.got), c)
		}
	}
}

func controlDualStack(r *rig) {
	r.needIPv6()
	q := r.telling(anyIPv6)
	for _, host := range []netip.Addr{localhost, netip.IPv6Loopback()} {
		p := r.bindAt(poller.AddrOf(netip.AddrPortFrom(host, 0)), nil)
		p.start()
		to := poller.AddrOf(netip.AddrPortFrom(host, q.addr().Port()))
		m := message(to, 1, 10)
		m.TrafficClass = 2
		p.sends(m)
		m = q.hears()
		r.local("dual stack", m, host)
		if m.TrafficClass != 2 {
			r.Errorf("the traffic class is %d, want 2", m.TrafficClass)
		}
		q.sends(m)
		r.same("Peer of an answer", poller.AddrOf(p.hears().Peer), to)
		p.close()
	}
	s := r.bindAt(anyIPv6, nil)
	r.noError("SetOption", s.s.SetOption(poller.TrafficClass, 0x28))
	for _, host := range []netip.Addr{localhost, netip.IPv6Loopback()} {
		s.deliver(message(poller.AddrOf(netip.AddrPortFrom(host, q.addr().Port())), 1, 10))
		if m := q.hears(); m.TrafficClass != 0x28 {
			r.Errorf("to %v the traffic class is %#x, want that of the socket", host, m.TrafficClass)
		}
	}
}

// controlGroup holds that Local is the group if a datagram came to a group, and that the
// answer to it comes from an address that can send.
func controlGroup(r *rig) {
	c := r.club()
	c.member.close()
	r.until("it is closed", c.member.over)
	q := r.telling(r.wildcard())
	c.member = q
	c.to.AddrPort = netip.AddrPortFrom(c.to.Addr(), q.addr().Port())
	r.noError("Join", c.join(c.m))
	c.sender.deliver(c.next())
	m := q.hears()
	r.local("to a group", m, c.m.Group)
	c.sender.start()
	q.sends(m)
	r.answer(c.sender.hears().Peer, q)
}

// answer holds that the source of a datagram is an address that can send.
func (r *rig) answer(from netip.AddrPort, q *packet) {
	r.Helper()
	ip := from.Addr()
	if from.Port() != q.addr().Port() || ip.IsMulticast() || ip.Is4() && ip.As4()[3] == 255 {
		r.Errorf("an answer from %v of a socket at %v", from, q.addr())
	}
}

func controlBroadcast(r *rig) {
	q, p := r.telling(r.wildcard()), r.bind(&poller.Options{Broadcast: true})
	all := netip.AddrFrom4([4]byte{127, 255, 255, 255})
	m := message(poller.AddrOf(netip.AddrPortFrom(all, q.addr().Port())), 1, 10)
	if !p.send(m) {
		r.until("it is answered", func() bool { return !p.sending })
	}
	r.settle()
	if p.sendErr != nil || len(q.got) == 0 {
		r.Skip("loopback is no network here, and has no broadcast address: ", p.sendErr)
	}
	m = q.hears()
	r.local("to all", m, all)
	q.sends(m)
	r.answer(p.hears().Peer, q)
	m.Local = localhost // one of our own is taken as it is
	q.sends(m)
	r.same("Peer", poller.AddrOf(p.hears().Peer), r.addr(q.addr().Port()))
}

// controlZone sends from an address with a zone.
func controlZone(r *rig) {
	r.needIPv6()
	r.host = netip.IPv6Loopback()
	p, q := r.bindAt(anyIPv6, nil), r.bind(nil)
	m := message(q.addr(), 1, 10)
	m.Local = netip.MustParseAddr("fe80::1%no-such-zone")
	p.fails(0, m)
	m.Local = netip.MustParseAddr("fe80::1%1")
	m.Interface = 2
	p.fails(0, m)
	r.settle()
	if len(q.got) > 0 {
		r.Errorf("%d datagrams were sent all the same", len(q.got))
	}
}
