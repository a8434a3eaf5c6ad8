package pollertest

import "example.com/pike/poller"

var connectClauses = []clause{
	{name: "Connect_sends_without_an_address", test: connectSends, both: true},
	{name: "Connect_keeps_strangers_out", test: connectFilters, both: true},
	{name: "Connect_keeps_out_what_came_before", test: connectForgets, both: true},
	{name: "Connect_again_changes_the_peer", test: connectAgain},
	{name: "Connect_to_nothing_dissolves", test: connectDissolves, both: true},
	{name: "Connect_refused_is_told", test: func(r *rig) { r.refused() }, both: true},
	{name: "Connect_refused_ends_nothing", test: connectRefused, both: true},
	{name: "Connect_refused_while_stopped", test: connectRefusedStopped},
	{name: "Connect_to_a_bad_address", test: connectBad},
}

// nameless is ms without their peers.
func nameless(ms ...poller.Message) []poller.Message {
	for i := range ms {
		ms[i].Peer = nowhere
	}
	return ms
}

func connectSends(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	r.noError("Connect", p.connect(q.addr()))
	r.same("Peer", p.peer(), q.addr())
	ms := messages(q.addr(), 70, 100)
	want := p.from(ms...)
	p.deliver(nameless(ms...)...)
	q.expect(want...)
	m := message(q.addr(), 1, 10) // the address may be given all the same
	p.deliver(m)
	q.expect(p.from(m)...)
}

func connectFilters(r *rig) {
	p, q, stranger := r.bind(nil), r.bind(nil), r.bind(nil)
	r.noError("Connect", p.connect(q.addr()))
	stranger.deliver(messages(p.addr(), 5, 10)...)
	m := message(p.addr(), 7, 20)
	q.deliver(m)
	p.expect(q.from(m)...)
	r.settle()
	if len(p.got) > 0 {
		r.Errorf("received %d messages of a stranger", len(p.got))
	}
}

// connectForgets connects when datagrams of strangers are there already, and then again when
// datagrams of the former peer are.
func connectForgets(r *rig) {
	for _, n := range []int{1, 40, 100} {
		p, q, stranger := r.bindAt(r.addr(0), &poller.Options{RecvBuffer: roomy}), r.bind(nil), r.bind(nil)
		early := message(p.addr(), n, 30)
		stranger.deliver(messages(p.addr(), n, 10)...)
		q.deliver(early)
		stranger.deliver(messages(p.addr(), n, 10)...)
		r.settle()
		r.noError("Connect", p.connect(q.addr()))
		p.start()
		m := message(p.addr(), 7, 20)
		q.deliver(m)
		p.expect(q.from(early, m)...) // the peer's own may come before, too
		p.stop()
		q.deliver(messages(p.addr(), n, 40)...)
		r.settle()
		r.noError("Connect", p.connect(stranger.addr()))
		p.start()
		stranger.deliver(m)
		p.expect(stranger.from(m)...)
		r.settle()
		if len(p.got) > 0 {
			r.Fatalf("received %d messages of strangers", len(p.got))
		}
		p.close()
	}
}

func connectAgain(r *rig) {
	p, q, s := r.bind(nil), r.bind(nil), r.bind(nil)
	for _, to := range []*packet{q, s, q} {
		r.noError("Connect", p.connect(to.addr()))
		r.same("Peer", p.peer(), to.addr())
		m := message(to.addr(), 1, 10)
		want := p.from(m)
		p.deliver(nameless(m)...)
		to.expect(want...)
	}
}

func connectDissolves(r *rig) {
	p, q, stranger := r.bind(nil), r.bind(nil), r.bind(nil)
	addr := p.addr()
	for range 3 {
		r.noError("Connect", p.connect(q.addr()))
		r.noError("Connect to nothing", p.connect(poller.Addr{}))
		r.same("Peer", p.peer(), poller.Addr{})
		if a := p.addr(); a != addr && !(dissolvingWidens && a.Port() == addr.Port() && a.Addr().IsUnspecified()) {
			r.Errorf("Addr is %v, want %v", a, addr)
		}
		m := message(addr, 3, 30)
		stranger.deliver(m)
		p.expect(stranger.from(m)...)
		p.fails(0, poller.Message{Data: []byte("nobody")})
	}
	r.noError("Connect to nothing, again", p.connect(poller.Addr{}))
}

// refused is a socket that has sent to a port that nobody has. The refusal is an
// error of receiving, and of no Send.
func (r *rig) refused() *packet {
	r.Helper()
	p := r.bind(nil)
	r.noError("Connect", p.connect(r.nobody()))
	for range 3 {
		n := len(p.errs)
		for tries := 0; len(p.errs) == n; tries++ {
			if tries == 1000 { // FreeBSD refuses 200 a second (net.inet.icmp.icmplim)
				r.Fatal("nothing was refused")
			}
			p.deliver(poller.Message{Data: []byte("nobody")})
			r.settle()
		}
	}
	for _, err := range p.errs {
		r.is("Received", err, faultRefused)
	}
	r.quiet()
	return p
}

func connectRefused(r *rig) {
	p, q := r.refused(), r.bind(nil)
	r.noError("Connect", p.connect(q.addr()))
	m := message(p.addr(), 1, 10)
	q.deliver(m)
	p.expect(q.from(m)...)
	m = message(q.addr(), 2, 10)
	want := p.from(m)
	p.deliver(nameless(m)...)
	q.expect(want...)
}

// connectRefusedStopped holds that an error which nobody receives does not spin.
func connectRefusedStopped(r *rig) {
	p := r.bindAt(r.addr(0), nil)
	r.noError("Connect", p.connect(r.nobody()))
	p.send(poller.Message{Data: []byte("nobody")})
	r.settle()
	r.quiet()
	p.start()
	r.settle()
	r.quiet()
	p.stop()
	if !p.sending {
		p.send(poller.Message{Data: []byte("nobody")})
	}
	r.quiet()
}

func connectBad(r *rig) {
	p := r.bind(nil)
	if err := p.connect(poller.Addr{Path: "nowhere"}); err == nil {
		r.Error("connected to a path")
	}
	if err := p.connect(anyIPv6); err == nil {
		r.Error("an IPv4 socket connected to IPv6")
	}
	r.same("Peer", p.peer(), poller.Addr{})
	p.deliver(message(p.addr(), 1, 10))
	r.until("it still works", func() bool { return len(p.got) == 1 })
}
