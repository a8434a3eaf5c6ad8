package pollertest

import (
	"errors"
	"net"

	"example.com/pike/poller"
)

var closedClauses = []clause{
	{name: "C4_closed_once_and_last", test: closedOnce, both: true},
	{name: "C4_close_inside_each_upcall", test: closeInUpcalls, both: true},
	{name: "C4_close_inside_Accepted", test: closeInAccepted},
	{name: "C4_accepted_nil_closes", test: acceptedNil, both: true},
	{name: "C4_closed_listener_accepts_no_more", test: closedListener},
	{name: "C4_packet_close_inside_each_upcall", test: packetCloseInUpcalls},
	{name: "C4_address_is_free_in_Closed", test: freeInClosed, both: true},
	{name: "C4_calls_after_closed_do_nothing", test: callsAfterClosed},
	{name: "C4_open_and_close_in_Closed", test: closedChain},
}

// closedOnce closes every kind of socket in every state, twice.
func closedOnce(r *rig) {
	a, b := r.pair(nil)
	c, d := r.pair(nil)
	d.start()
	c.shutdown()
	r.until("one end has ended", d.ended)
	r.dial(r.nobody(), nil)
	r.listenAt(r.addr(0), nil)
	p := r.bind(nil)
	r.bindAt(r.addr(0), nil)
	p.send(message(p.addr(), 1, 10))
	a.start()
	a.send(100)
	b.reset()
	for _, s := range r.sockets {
		s.close()
		s.close()
	}
	r.until("all are closed", func() bool {
		for _, s := range r.sockets {
			if !s.over() {
				return false
			}
		}
		return true
	})
	for _, s := range r.sockets {
		s.close()
	}
	r.settle()
}

func closeInUpcalls(r *rig) {
	for _, end := range []func(*conn){(*conn).close, (*conn).reset} {
		v := r.listen(tight)
		b, c := r.pairOf(v, tight)
		c.on.received = func([]byte, error) { end(c) }
		c.start()
		b.send(100)

		d, e := r.pairOf(v, tight)
		e.on.received = func(_ []byte, err error) {
			if err != nil {
				end(e)
			}
		}
		e.start()
		d.send(100)
		d.shutdown()

		g, h := r.pairOf(v, tight)
		g.on.sent = func(error) { end(g) }
		g.fill()
		h.start()

		a := r.dial(v.addr(), tight)
		a.on.connected = func(error) { end(a) }
		a.on.closed = func() { a.close() }
		f := r.dial(r.nobody(), nil)
		f.on.connected = func(error) { end(f) }
		r.until("each has closed itself", func() bool {
			return a.closed && f.closed && c.closed && e.closed && g.closed
		})
	}
}

// closeInAccepted closes the connection that comes in, the listener, or both.
func closeInAccepted(r *rig) {
	for i := range 6 {
		v := r.listen(nil)
		v.on.accepted = func(c *conn) bool {
			if i%3 != 0 {
				c.start()
				c.close()
			}
			if i%3 != 1 {
				v.close()
			}
			return i < 3
		}
		a := r.dial(v.addr(), nil)
		r.until("a connection was accepted", func() bool { return len(v.conns)+v.refused > 0 })
		if a.connected {
			a.start()
		}
		for _, c := range v.conns {
			c.close()
			r.until("it is closed", c.over)
		}
		r.settle()
	}
}

func acceptedNil(r *rig) {
	v := r.listen(nil)
	v.on.accepted = func(*conn) bool { return false }
	for n := 1; n <= 5; n++ {
		a := r.dial(v.addr(), nil)
		r.until("it is declined", func() bool { return (a.connected || a.dialErr != nil) && v.refused == n })
		if a.connected {
			a.start()
			r.until("the end is received", a.ended)
		}
	}
}

func closedListener(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	var all []*conn
	for range 5 {
		all = append(all, r.dial(v.addr(), nil))
	}
	r.settle()
	v.start()
	v.close()
	r.until("it is closed", v.over)
	r.until("the dials have ended", func() bool {
		for _, c := range all {
			if !c.connected && c.dialErr == nil {
				return false
			}
		}
		return true
	})
	for _, c := range all { // the system may have let them in; nobody has them now
		if c.connected {
			c.start()
			r.until("the end is received", c.ended)
		}
	}
}

func packetCloseInUpcalls(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	q.on.received = func([]poller.Message, error) { q.close() }
	q.on.closed = func() { q.close() }
	p.send(messages(q.addr(), 100, 10)...)
	r.until("it is closed", q.over)

	s := r.bind(nil)
	s.on.sent = func(int, error) { s.close() }
	s.send(message(s.addr(), 1, 100_000)) // more than a datagram holds
	r.until("it is closed", s.over)

	t := r.bind(nil)
	t.send(message(t.addr(), 1, 100_000))
	t.close()
	r.until("it is closed", t.over)
	if t.answers > 1 {
		r.Errorf("%d answers, want 1", t.answers)
	}
}

// freeInClosed opens a socket at the same address in Closed, because by then nothing of
// the old socket is with the system.
func freeInClosed(r *rig) {
	v := r.listen(nil)
	p := r.bind(nil)
	at, pt := v.addr(), p.addr()
	var again *server
	var bound *packet
	var err error
	v.on.closed = func() { again, err = r.tryListen(at, &poller.Options{NoReuseAddr: true}) }
	v.close()
	r.until("it is closed", v.over)
	r.noError("Listen in Closed", err)
	p.on.closed = func() { bound, err = r.tryBind(pt, nil) }
	p.close()
	r.until("it is closed", p.over)
	r.noError("Bind in Closed", err)
	again.start()
	a, b := r.pairOf(again, nil)
	b.start()
	arrives(a, b, 10)
	bound.start()
	bound.deliver(message(pt, 1, 10))
	r.until("a message is there", func() bool { return len(bound.got) == 1 })
}

func callsAfterClosed(r *rig) {
	a, _ := r.pair(nil)
	v := r.listen(nil)
	p := r.bind(nil)
	to := p.addr()
	a.close()
	v.close()
	p.close()
	for range 2 { // before Closed, and after
		for _, s := range []poller.Socket{a.s, v.s, p.s} {
			r.call("Start", s.Start)
			r.call("Stop", s.Stop)
			if err := s.SetOption(poller.RecvBuffer, 1<<16); !errors.Is(err, net.ErrClosed) {
				r.Errorf("SetOption: %v, want net.ErrClosed", err)
			}
			if _, err := s.Option(poller.RecvBuffer); !errors.Is(err, net.ErrClosed) {
				r.Errorf("Option: %v, want net.ErrClosed", err)
			}
		}
		r.call("Shutdown", a.s.Shutdown)
		r.call("Reset", a.s.Reset)
		if err := p.connect(to); !errors.Is(err, net.ErrClosed) {
			r.Errorf("Connect: %v, want net.ErrClosed", err)
		}
		r.until("all are closed", func() bool { return a.closed && v.closed && p.closed })
	}
	if !p.send(message(to, 1, 10)) {
		r.Error("a Send after Closed is not done")
	}
	r.settle()
}

// closedChain opens and closes a socket in Closed, over and over; each Poll must
// come to an end.
func closedChain(r *rig) {
	left := 100
	var next func()
	next = func() {
		if left--; left > 0 {
			v := r.listenAt(r.addr(0), nil)
			v.on.closed = next
			v.close()
		}
	}
	next()
	r.until("the chain has ended", func() bool { return left == 0 })
}
