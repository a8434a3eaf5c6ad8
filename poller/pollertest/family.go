package pollertest

import (
	"net/netip"

	"example.com/pike/poller"
)

var familyClauses = []clause{
	{name: "Addr_of_both_ends", test: addrOfBothEnds, both: true},
	{name: "Addr_of_packet", test: addrOfPacket, both: true},
	{name: "Addr_dual_stack_stream_shows_IPv4", test: dualStackStream},
	{name: "Addr_dual_stack_packet_shows_IPv4", test: dualStackPacket},
	{name: "Addr_mapped_address_is_IPv4", test: mappedAddress},
	{name: "Addr_zone_that_is_none", test: zoneOfNone},
	{name: "Addr_V6Only_stream", test: v6OnlyStream},
	{name: "Addr_V6Only_packet", test: v6OnlyPacket},
	{name: "Addr_V6Only_of_IPv4_is_an_error", test: v6OnlyOfIPv4},
}

var (
	anyIPv6   = poller.AddrOf(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)

func (r *rig) same(what string, got, want poller.Addr) {
	r.Helper()
	if got != want {
		r.Errorf("%s is %v, want %v", what, got, want)
	}
}

func addrOfBothEnds(r *rig) {
	v := r.listen(nil)
	if a := v.addr(); a.Addr() != r.host || a.Port() == 0 {
		r.Errorf("a listener on %v port 0 has the address %v", r.host, a)
	}
	a := r.dial(v.addr(), nil)
	r.same("Peer of a stream that is being dialed", a.s.Peer(), v.addr())
	r.until("both are connected", func() bool { return a.connected && len(v.conns) == 1 })
	b := v.last()
	r.same("the dialed end's Peer", a.s.Peer(), v.addr())
	r.same("the accepted end's Addr", b.s.Addr(), v.addr())
	r.same("the accepted end's Peer", b.s.Peer(), a.s.Addr())
	peer := b.s.Peer()
	a.start()
	b.start()
	a.close()
	r.until("the end is seen", b.ended)
	r.same("Peer when the other end has gone", b.s.Peer(), peer)
	b.close()
	r.until("all is closed", func() bool { return a.closed && b.closed })
	r.same("Peer after Closed", b.s.Peer(), peer)
	r.same("Addr after Closed", b.s.Addr(), poller.Addr{})
	v.close()
	r.until("the listener is closed", v.over)
	r.same("Addr of a closed listener", v.addr(), poller.Addr{})
}

func addrOfPacket(r *rig) {
	p := r.bind(nil)
	if a := p.addr(); a.Addr() != r.host || a.Port() == 0 {
		r.Errorf("a packet socket on %v port 0 has the address %v", r.host, a)
	}
	r.same("Peer of what is not connected", p.peer(), poller.Addr{})
	p.close()
	r.until("it is closed", p.over)
	r.same("Addr after Closed", p.addr(), poller.Addr{})
}

// needMapped skips the test where an IPv6 socket has no IPv4 peers.
func (r *rig) needMapped() {
	r.Helper()
	r.needIPv6()
	if !mapsIPv4 {
		r.Skip("this system does not map IPv4 addresses (RFC 4291, 2.5.5.2)")
	}
}

func dualStackStream(r *rig) {
	r.needMapped()
	v := r.listenAt(anyIPv6, nil)
	v.start()
	for _, host := range []netip.Addr{localhost, netip.IPv6Loopback()} {
		to := poller.AddrOf(netip.AddrPortFrom(host, v.addr().Port()))
		n := len(v.conns)
		a := r.dial(to, nil)
		r.until("both are connected", func() bool { return a.connected && len(v.conns) > n })
		b := v.last()
		r.same("the accepted end's Peer", b.s.Peer(), a.s.Addr())
		r.same("the accepted end's Addr", b.s.Addr(), to)
		b.start()
		a.send(100)
		r.until("data is there", func() bool { return b.in == 100 })
	}
}

func dualStackPacket(r *rig) {
	r.needMapped()
	p := r.bindAt(anyIPv6, nil)
	p.start()
	for _, host := range []netip.Addr{localhost, netip.IPv6Loopback()} {
		q := r.bindAt(poller.AddrOf(netip.AddrPortFrom(host, 0)), nil)
		q.start()
		q.deliver(message(poller.AddrOf(netip.AddrPortFrom(host, p.addr().Port())), 1, 50))
		r.until("a message is there", func() bool { return len(p.got) == 1 })
		from := p.got[0].Peer
		r.same("Peer of a message", poller.AddrOf(from), q.addr())
		p.got = nil
		p.deliver(message(poller.AddrOf(from), 2, 50)) // the way back
		r.until("the answer is there", func() bool { return len(q.got) == 1 })
	}
}

// mappedAddress dials and binds ::ffff:127.0.0.1, which is a way to write
// 127.0.0.1.
func mappedAddress(r *rig) {
	mapped := netip.AddrFrom16(localhost.As16())
	v := r.listenAt(poller.AddrOf(netip.AddrPortFrom(mapped, 0)), nil)
	v.start()
	r.same("Addr", v.addr(), poller.AddrOf(netip.AddrPortFrom(localhost, v.addr().Port())))
	a := r.dial(poller.AddrOf(netip.AddrPortFrom(mapped, v.addr().Port())), nil)
	r.until("both are connected", func() bool { return a.connected && len(v.conns) == 1 })
	r.same("Peer", a.s.Peer(), v.addr())
	r.same("the other Peer", v.last().s.Peer(), a.s.Addr())
}

// zoneOfNone holds that a zone is honoured or refused by whatever takes an address.
func zoneOfNone(r *rig) {
	r.needIPv6()
	r.host = netip.IPv6Loopback()
	p := r.bind(nil)
	for _, s := range []string{"fe80::1%no-such-zone", "fe80::1%0", "::1%no-such-zone", "2001:db8::1%1"} {
		bad := poller.AddrOf(netip.AddrPortFrom(netip.MustParseAddr(s), 9))
		if _, err := r.tryListen(bad, nil); err == nil {
			r.Errorf("Listen took %v", bad)
		}
		if _, err := r.tryBind(bad, nil); err == nil {
			r.Errorf("Bind took %v", bad)
		}
		if c, err := r.tryDial(bad, nil); err == nil {
			r.until("the dial has failed", func() bool { return c.connected || c.dialErr != nil })
			if c.dialErr == nil {
				r.Errorf("Dial took %v", bad)
			}
		}
		if err := p.connect(bad); err == nil {
			r.Errorf("Connect took %v", bad)
		}
		p.fails(0, message(bad, 1, 10))
	}
	p.deliver(message(p.addr(), 1, 10))
	r.until("it still works", func() bool { return len(p.got) == 1 })
}

func v6OnlyStream(r *rig) {
	r.needIPv6()
	v := r.listenAt(anyIPv6, &poller.Options{V6Only: true})
	v.start()
	a := r.dial(poller.AddrOf(netip.AddrPortFrom(localhost, v.addr().Port())), nil)
	r.until("the dial has failed", func() bool { return a.connected || a.dialErr != nil })
	r.is("a dial by IPv4", a.dialErr, faultRefused)
	if n, err := v.s.Option(poller.V6Only); n != 1 || err != nil {
		r.Errorf("Option V6Only is %d, %v", n, err)
	}
}

func v6OnlyPacket(r *rig) {
	r.needIPv6()
	p := r.bindAt(anyIPv6, &poller.Options{V6Only: true})
	p.start()
	q := r.bindAt(poller.AddrOf(netip.AddrPortFrom(localhost, 0)), nil)
	q.deliver(message(poller.AddrOf(netip.AddrPortFrom(localhost, p.addr().Port())), 1, 50))
	r.settle()
	if len(p.got) > 0 {
		r.Errorf("a message of %v came in", p.got[0].Peer)
	}
}

func v6OnlyOfIPv4(r *rig) {
	o := &poller.Options{V6Only: true}
	if _, err := r.tryListen(r.addr(0), o); err == nil {
		r.Error("Listen took it")
	}
	if _, err := r.tryBind(r.addr(0), o); err == nil {
		r.Error("Bind took it")
	}
}
