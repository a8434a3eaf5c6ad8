package pollertest

import "example.com/pike/poller"

// The recorders hold that a poller that is closed calls nobody.
var endClauses = []clause{
	{name: "Close_with_sockets_of_every_kind", test: endWithSockets, both: true},
	{name: "Close_with_all_that_is_ready", test: endWithReady},
	{name: "Close_inside_Received", test: endInReceived},
	{name: "Close_inside_Received_of_a_packet_socket", test: endInPacket},
	{name: "Close_inside_Accepted", test: endInAccepted},
	{name: "Close_inside_Sent", test: endInSent},
	{name: "Close_inside_Connected", test: endInConnected},
	{name: "Close_inside_Closed", test: endInClosed},
	{name: "Close_leaves_its_sockets_harmless", test: endThenCalls},
}

func endWithSockets(r *rig) {
	a, b := r.pair(tight)
	c, d := r.pair(nil)
	d.start()
	r.dial(r.nobody(), nil)
	p := r.bind(nil)
	p.send(message(p.addr(), 1, 10))
	a.fill()
	b.close()
	c.reset()
	r.closePoller()
	r.same("Addr of a stream", d.s.Addr(), poller.Addr{})
	r.same("Addr of a packet socket", p.s.Addr(), poller.Addr{})
}

// endWithReady has every kind of event waiting.
func endWithReady(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	a, b := r.pair(tight)
	p := r.bindAt(r.addr(0), nil)
	p.deliver(message(p.addr(), 1, 10))
	r.dial(v.addr(), nil)
	r.dial(r.nobody(), nil)
	b.send(100)
	a.fill()
	r.settle()
	a.start()
	b.start()
	p.start()
	v.start()
	r.wake()
	r.closePoller()
}

// untilGone polls until an upcall has closed the poller.
func (r *rig) untilGone() {
	r.Helper()
	r.until("the poller is closed", func() bool { return r.gone })
}

// endInReceived has more sockets ready than are in one batch, and more data than
// one upcall delivers.
func endInReceived(r *rig) {
	v := r.listen(nil)
	from, to := r.readyPairs(v, 300)
	for _, b := range to {
		b.on.received = func([]byte, error) {
			from[0].reset()
			from[1].close()
			r.closePoller()
		}
	}
	for _, a := range from {
		if !a.sending {
			a.send(100_000)
		}
	}
	r.untilGone()
}

func endInPacket(r *rig) {
	p := r.bind(nil)
	p.on.received = func([]poller.Message, error) { r.closePoller() }
	p.send(messages(p.addr(), 150, 10)...)
	r.untilGone()
}

func endInAccepted(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	for range 10 {
		r.dial(v.addr(), nil)
	}
	r.settle()
	keep := true
	v.on.accepted = func(c *conn) bool { c.start(); r.closePoller(); return keep }
	v.start()
	r.untilGone()
}

func endInSent(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	b.start()
	a.on.sent = func(error) { r.closePoller() }
	r.untilGone()
}

func endInConnected(r *rig) {
	v := r.listen(nil)
	for i := range 10 {
		to := v.addr()
		if i%2 == 0 {
			to = r.nobody()
		}
		c := r.dial(to, nil)
		c.start()
		c.on.connected = func(error) { r.closePoller() }
	}
	r.untilGone()
}

// endInClosed has several sockets end in the same Poll.
func endInClosed(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	v := r.listen(nil)
	p := r.bind(nil)
	p.send(message(p.addr(), 1, 100_000))
	v.on.closed = r.closePoller
	v.close()
	a.close()
	b.close()
	r.untilGone()
}

// endThenCalls makes every call that a socket's owner may still make.
func endThenCalls(r *rig) {
	a, b := r.pair(tight)
	v := r.listen(nil)
	p := r.bind(nil)
	c := r.dial(r.nobody(), nil)
	a.fill()
	b.start()
	to := p.addr()
	r.closePoller()
	for range 2 {
		for _, s := range []poller.Socket{a.s, b.s, c.s, v.s, p.s} {
			s.Stop()
			s.Start()
			s.Addr()
			s.SetOption(poller.RecvBuffer, 1000)
		}
		for _, s := range []poller.Stream{b.s, c.s} {
			s.Peer()
			s.TrySend([]byte("x"))
			s.Send([][]byte{[]byte("x")})
			s.Shutdown()
			s.Reset()
		}
		p.s.Send([]poller.Message{message(to, 1, 10)})
		for _, s := range []poller.Socket{a.s, b.s, c.s, v.s, p.s} {
			s.Close()
		}
	}
	if err := r.p.Wake(); err != nil {
		r.Errorf("Wake of a poller that is closed: %v", err)
	}
	if err := r.p.Poll(0); err == nil {
		r.Error("Poll of a poller that is closed: no error")
	}
	if err := r.p.Close(); err == nil {
		r.Error("Close of a poller that is closed: no error")
	}
}
