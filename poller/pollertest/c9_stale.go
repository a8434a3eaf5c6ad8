package pollertest

import "example.com/pike/poller"

// In these tests several sockets become ready at once, and one upcall closes others.
// The poller may hold their events already. The recorders hold that nothing reaches a
// socket that is closed. The patterns hold that no data reaches another socket.
var staleClauses = []clause{
	{name: "C9_close_of_another_of_the_batch", test: func(r *rig) { closeAnother(r, (*conn).close) }},
	{name: "C9_reset_of_another_of_the_batch", test: func(r *rig) { closeAnother(r, (*conn).reset) }},
	{name: "C9_close_of_mixed_sockets_of_the_batch", test: closeMixed},
	{name: "C9_dial_where_another_was_closed", test: func(r *rig) { dialInstead(r, false) }, both: true},
	{name: "C9_dial_in_Closed", test: func(r *rig) { dialInstead(r, true) }},
	{name: "C9_bind_where_another_was_closed", test: bindInstead},
	{name: "C9_listen_where_another_was_closed", test: listenInstead},
	{name: "C9_sockets_in_turn_on_the_same_descriptors", test: inTurn},
}

// readyPairs makes n connections with a byte waiting, which one Poll finds ready.
func (r *rig) readyPairs(v *server, n int) (from, to []*conn) {
	r.Helper()
	for range n {
		a, b := r.pairOf(v, nil)
		from, to = append(from, a), append(to, b)
		a.send(1)
	}
	r.settle()
	for _, b := range to {
		b.start()
	}
	return from, to
}

func closeAnother(r *rig, end func(*conn)) {
	v := r.listen(nil)
	for range 5 {
		from, to := r.readyPairs(v, 6)
		served := 0
		for _, b := range to {
			b.on.received = func([]byte, error) {
				served++
				for _, other := range to {
					if other != b {
						end(other)
					}
				}
			}
		}
		r.until("one is served and the others closed", func() bool {
			n := 0
			for _, b := range to {
				if b.closed {
					n++
				}
			}
			return n == len(to)-1
		})
		if served != 1 {
			r.Errorf("%d were served, want 1", served)
		}
		for _, a := range from {
			a.reset()
		}
	}
}

// closeMixed has the first that is served, of whatever kind, close all others.
func closeMixed(r *rig) {
	for range 5 {
		v := r.listenAt(r.addr(0), nil)
		a, b := r.pair(tight)
		c, d := r.pair(nil)
		p, q := r.bind(nil), r.bindAt(r.addr(0), nil)
		a.fill()
		c.send(1)
		p.deliver(messages(q.addr(), 3, 10)...)
		e := r.dial(v.addr(), nil)
		f := r.dial(r.nobody(), nil)
		all := []socket{v, a, d, q, e, f}
		served := false
		only := func(me socket) {
			if served {
				return
			}
			served = true
			for _, s := range all {
				if s != me {
					s.close()
				}
			}
		}
		v.on.accepted = func(*conn) bool { only(v); return true }
		a.on.sent = func(error) { only(a) }
		d.on.received = func([]byte, error) { only(d) }
		q.on.received = func([]poller.Message, error) { only(q) }
		e.on.connected = func(error) { only(e) }
		f.on.connected = func(error) { only(f) }
		b.start()
		d.start()
		q.start()
		v.start()
		r.until("one has been served", func() bool { return served })
		r.settle()
	}
}

// dialInstead closes a socket that has an event waiting, and opens one that may get the
// same descriptor. A dial that is refused must not take that event for success. libuv's
// test tcp_close_accept found such a fault.
func dialInstead(r *rig, inClosed bool) {
	v := r.listen(nil)
	for range 10 {
		from, to := r.readyPairs(v, 4)
		var fresh []*conn
		open := func() {
			c := r.dial(r.nobody(), nil)
			c.on.connected = func(err error) { r.is("a dial to nobody", err, faultRefused) }
			d := r.dial(v.addr(), nil)
			d.on.connected = func(err error) { r.noError("a dial to the listener", err) }
			fresh = append(fresh, c, d)
		}
		for _, b := range to {
			b.on.received = func([]byte, error) {
				for _, other := range to {
					if other != b {
						other.reset()
					}
				}
				if !inClosed {
					open()
				}
			}
			if inClosed {
				b.on.closed = open
			}
		}
		r.until("the dials have ended", func() bool {
			for _, c := range fresh {
				if !c.connected && c.dialErr == nil {
					return false
				}
			}
			return len(fresh) > 0
		})
		for _, b := range to {
			b.on.closed = nil
		}
		for _, c := range append(fresh, from...) {
			c.reset()
		}
	}
}

func bindInstead(r *rig) {
	v := r.listen(nil)
	for range 10 {
		from, to := r.readyPairs(v, 4)
		var fresh []*packet
		for _, b := range to {
			b.on.received = func([]byte, error) {
				for _, other := range to {
					if other != b {
						other.reset()
						other.on.closed = func() { fresh = append(fresh, r.bind(nil)) }
					}
				}
				fresh = append(fresh, r.bind(nil))
			}
		}
		r.until("sockets were opened", func() bool { return len(fresh) == len(to) })
		r.settle()
		for _, p := range fresh {
			if len(p.got)+len(p.errs) > 0 {
				r.Errorf("%s: received %d messages and %v", p.name, len(p.got), p.errs)
			}
			p.deliver(message(p.addr(), 1, 10))
			r.until("it works", func() bool { return len(p.got) == 1 })
		}
		for _, a := range from {
			a.reset()
		}
	}
}

func listenInstead(r *rig) {
	v := r.listen(nil)
	for range 10 {
		from, to := r.readyPairs(v, 4)
		var fresh []*server
		for _, b := range to {
			b.on.received = func([]byte, error) {
				for _, other := range to {
					if other != b {
						other.reset()
						other.on.closed = func() { fresh = append(fresh, r.listen(nil)) }
					}
				}
			}
		}
		r.until("listeners were opened", func() bool { return len(fresh) == len(to)-1 })
		r.settle()
		for _, l := range fresh {
			if len(l.conns) > 0 || l.failure != nil {
				r.Errorf("%s: accepted %d connections, Failed(%v)", l.name, len(l.conns), l.failure)
			}
			a, b := r.pairOf(l, nil)
			b.start()
			arrives(a, b, 10)
			a.reset()
		}
		for _, a := range from {
			a.reset()
		}
	}
}

// inTurn opens sockets of each kind after each other, with something on its way
// to each when it is closed.
func inTurn(r *rig) {
	v := r.listen(nil)
	p := r.bind(nil)
	for i := range 60 {
		a, b := r.pairOf(v, nil)
		q := r.bind(nil)
		a.start()
		b.start()
		a.send(1000)
		b.send(1000)
		if !p.sending {
			p.send(messages(q.addr(), 3, 10)...)
		}
		if i%2 == 0 {
			r.poll(r.p.Now())
		}
		q.close()
		a.reset()
		if i%3 == 0 {
			b.reset()
		}
	}
}
