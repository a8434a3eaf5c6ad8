package pollertest

import "example.com/pike/poller"

var stopClauses = []clause{
	{name: "C5_opens_stopped", test: opensStopped, both: true},
	{name: "C5_stop_inside_Received", test: stopInReceived, both: true},
	{name: "C5_stop_and_start_inside_Received", test: stopStartInReceived},
	{name: "C5_stop_of_another_of_the_batch", test: stopAnother},
	{name: "C5_stop_inside_Accepted", test: stopInAccepted},
	{name: "C5_stop_of_a_packet_socket_inside_Received", test: stopPacket},
	{name: "C5_start_and_stop_many_times", test: startStop},
	{name: "C5_sending_goes_on_while_stopped", test: sendWhileStopped},
	{name: "C5_end_waits_for_start", test: endWaits},
}

func opensStopped(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	a := r.dial(v.addr(), nil)
	p, q := r.bindAt(r.addr(0), nil), r.bindAt(r.addr(0), nil)
	p.deliver(message(q.addr(), 1, 10))
	r.quiet() // the recorders hold that nothing is delivered
	v.start()
	q.start()
	r.until("all is delivered", func() bool { return a.connected && len(v.conns) == 1 && len(q.got) == 1 })
	b := v.last()
	a.send(10)
	b.send(10)
	r.quiet()
	a.start()
	b.start()
	r.until("all is received", func() bool { return a.in == 10 && b.in == 10 })
}

// stopInReceived stops in each Received. The recorder holds that no other comes before the
// next Start.
func stopInReceived(r *rig) {
	a, b := r.pair(nil)
	b.on.received = func(_ []byte, err error) { b.stop() }
	const size = 2 << 20
	a.send(size)
	a.shutdown()
	for n := 0; !b.ended(); n++ {
		b.start()
		r.until("more is received", func() bool { return !b.started })
		if n < 3 {
			r.settle()
		}
	}
	if b.in != size || !b.eof() {
		r.Errorf("received %d bytes of %d, then %v", b.in, size, b.end)
	}
}

func stopStartInReceived(r *rig) {
	a, b := r.pair(nil)
	b.on.received = func([]byte, error) {
		b.stop()
		b.start()
		b.stop()
		b.start()
	}
	b.start()
	arrives(a, b, 1<<20)
	a.shutdown()
	r.until("the end is received", b.ended)
}

// stopAnother has several sockets become ready at once. The first that is served stops
// the others.
func stopAnother(r *rig) {
	const n = 6
	v := r.listen(nil)
	var from, to []*conn
	for range n {
		a, b := r.pairOf(v, nil)
		from, to = append(from, a), append(to, b)
		b.on.received = func([]byte, error) {
			for _, other := range to {
				if other != b {
					other.stop()
				}
			}
		}
	}
	for round := int64(1); round <= 10; round++ {
		for _, a := range from {
			a.send(1)
		}
		r.settle()
		for _, b := range to {
			b.start()
		}
		for _, b := range to { // each in turn is the one that is not stopped
			r.until("it is received", func() bool {
				b.start()
				return b.in == round
			})
		}
	}
}

func stopInAccepted(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	v.on.accepted = func(*conn) bool { v.stop(); return true }
	for range 6 {
		r.dial(v.addr(), nil)
	}
	r.settle()
	for n := 1; n <= 6; n++ {
		v.start()
		r.until("another is accepted", func() bool { return len(v.conns) == n })
		r.settle()
	}
}

func stopPacket(r *rig) {
	p, q := r.bind(nil), r.bindAt(r.addr(0), nil)
	q.on.received = func([]poller.Message, error) { q.stop() }
	const n = 100
	ms := messages(q.addr(), n, 20)
	p.deliver(ms...)
	r.settle()
	for last := -1; len(q.got) < n; {
		if len(q.got) == last {
			r.Fatalf("received %d messages of %d, and no more", last, n)
		}
		last = len(q.got)
		q.start()
		r.until("more is received", func() bool { return !q.started })
		r.settle()
	}
	q.expect(p.from(ms...)...)
}

func startStop(r *rig) {
	a, b := r.pair(nil)
	v := r.listenAt(r.addr(0), nil)
	p := r.bindAt(r.addr(0), nil)
	for i := range 50 {
		b.start()
		b.start()
		v.start()
		p.start()
		if i%3 == 0 {
			r.poll(r.p.Now())
		}
		b.stop()
		b.stop()
		v.stop()
		p.stop()
		if i%7 == 0 {
			arrivesNothing(a, b)
		}
	}
	b.start()
	r.until("all is received", func() bool { return b.in == a.out })
}

// arrivesNothing sends to a peer that is stopped.
func arrivesNothing(a, b *conn) {
	a.Helper()
	in := b.in
	a.send(100)
	a.settle()
	if b.in != in {
		a.Errorf("%s received while stopped", b.name)
	}
}

func sendWhileStopped(r *rig) {
	a, b := r.pair(tight)
	b.send(1000) // what waits for a does not hold up what a sends
	b.start()
	arrives(a, b, 1<<20)
	if a.in != 0 {
		r.Errorf("received %d bytes while stopped", a.in)
	}
	a.start()
	r.until("it is received", func() bool { return a.in == 1000 })
}

func endWaits(r *rig) {
	a, b := r.pair(nil)
	b.start()
	arrives(a, b, 100)
	b.stop()
	a.close()
	r.until("the peer is closed", a.over)
	r.quiet()
	b.start()
	r.until("the end is received", b.ended)
	if !b.eof() {
		r.Errorf("received %v", b.end)
	}
}
