package pollertest

import (
	"net/netip"

	"example.com/pike/poller"
)

var dialClauses = []clause{
	{name: "Dial_refused", test: dialRefused, both: true},
	{name: "Dial_refused_is_only_to_be_closed", test: dialRefusedIdles},
	{name: "Dial_closed_before_it_connects", test: dialClosed, both: true},
	{name: "Dial_closed_in_its_first_Poll", test: dialClosedSoon},
	{name: "Dial_closed_by_another_of_the_batch", test: dialClosedByAnother},
	{name: "Dial_started_before_it_connects", test: dialStarted},
	{name: "Dial_opens_stopped", test: dialStopped},
	{name: "Dial_with_a_send_behind_it", test: dialSend, both: true},
	{name: "Dial_refused_with_a_send_behind_it", test: dialRefusedSend},
	{name: "Dial_from_a_local_address", test: dialLocal, both: true},
	{name: "Dial_many_at_once", test: dialMany},
	{name: "Dial_inside_upcalls", test: dialInUpcalls},
}

// dialRefused also holds that Dial itself is no error: Connected tells.
func dialRefused(r *rig) {
	var all []*conn
	for range 10 {
		all = append(all, r.dial(r.nobody(), nil))
	}
	r.until("all have failed", func() bool {
		for _, c := range all {
			if c.dialErr == nil {
				return false
			}
		}
		return true
	})
	for _, c := range all {
		r.is("Connected", c.dialErr, faultRefused)
	}
	r.settle() // and not a second time
}

func dialRefusedIdles(r *rig) {
	c := r.dial(r.nobody(), nil)
	r.until("it has failed", func() bool { return c.dialErr != nil })
	c.start()
	c.started = false // after an error it does nothing
	c.shutdown()
	r.quiet()
	c.close()
	r.until("it is closed", c.over)
}

func dialClosed(r *rig) {
	v := r.listen(nil)
	for i, to := range []poller.Addr{v.addr(), r.nobody(), v.addr(), r.nobody()} {
		c := r.dial(to, nil)
		if i < 2 {
			c.close()
		} else {
			c.reset()
		}
		r.until("it is closed", c.over)
		if c.connected || c.dialErr != nil {
			r.Errorf("dial %d: Connected(%v) after Close", i, c.dialErr)
		}
	}
}

// dialClosedSoon closes at a time when the system may know how the dial ended, and the
// poller does not know it yet.
func dialClosedSoon(r *rig) {
	v := r.listen(nil)
	for _, to := range []poller.Addr{v.addr(), r.nobody()} {
		c := r.dial(to, nil)
		r.poll(r.p.Now())
		done := c.connected || c.dialErr != nil
		c.close()
		r.until("it is closed", c.over)
		if !done && (c.connected || c.dialErr != nil) {
			r.Errorf("Connected(%v) after Close", c.dialErr)
		}
	}
}

// dialClosedByAnother closes dials that may have ended in the same batch.
func dialClosedByAnother(r *rig) {
	v := r.listen(nil)
	for range 10 {
		var all []*conn
		for i := range 6 {
			to := v.addr()
			if i%3 == 2 {
				to = r.nobody()
			}
			c := r.dial(to, nil)
			c.on.connected = func(error) {
				for _, other := range all {
					if other != c && !other.connected && other.dialErr == nil {
						other.close()
					}
				}
			}
			all = append(all, c)
		}
		r.until("each is connected or closed", func() bool {
			for _, c := range all {
				if !c.connected && c.dialErr == nil && !c.closed {
					return false
				}
			}
			return true
		})
	}
}

// dialStarted calls Start before there is a connection. The poller must not forget that.
func dialStarted(r *rig) {
	v := r.listen(nil)
	v.on.accepted = func(c *conn) bool { c.send(1000); return true }
	a := r.dial(v.addr(), nil)
	a.start()
	b := r.dial(v.addr(), nil)
	b.start()
	b.stop()
	r.until("data is there", func() bool { return a.in == 1000 })
	r.until("the other is connected", func() bool { return b.connected })
	r.settle()
	b.start()
	r.until("data is there too", func() bool { return b.in == 1000 })
}

func dialStopped(r *rig) {
	v := r.listen(nil)
	v.on.accepted = func(c *conn) bool { c.send(1000); return true }
	a := r.dial(v.addr(), nil)
	r.until("it is connected", func() bool { return a.connected })
	r.settle() // the recorder holds that nothing is received
	a.start()
	r.until("data is there", func() bool { return a.in == 1000 })
}

// dialSend sends and shuts down before there is a connection. By the contract every Send
// is answered, whenever it is made.
func dialSend(r *rig) {
	v := r.listen(nil)
	for _, size := range []int{0, 1, 1 << 20} {
		a := r.dial(v.addr(), nil)
		p := make([]byte, size)
		done := false
		r.call("Send", func() { done = a.s.Send([][]byte{p, nil}) })
		a.sending = !done
		a.shutdown()
		n := len(v.conns)
		r.until("it is accepted", func() bool { return a.connected && len(v.conns) > n })
		b := v.last()
		got := 0
		b.raw, b.on.received = true, func(p []byte, _ error) { got += len(p) }
		b.start()
		r.until("the end is received", b.ended)
		if got != size || a.sending || a.sendErr != nil {
			r.Errorf("received %d bytes of %d; Sent(%v)", got, size, a.sendErr)
		}
	}
}

// dialRefusedSend sends on a dial that is refused. The recorders hold that the Send is
// answered before Closed.
func dialRefusedSend(r *rig) {
	a := r.dial(r.nobody(), nil)
	a.send(100)
	r.until("it has failed", func() bool { return a.dialErr != nil })
	r.quiet()
	a.close()
	r.until("it is closed", a.over)
	if a.answers != 1 || a.sendErr == nil {
		r.Errorf("%d answers, the last is %v", a.answers, a.sendErr)
	}
}

func dialLocal(r *rig) {
	v := r.listen(nil)
	a, b := r.pairOf(v, &poller.Options{Local: r.addr(0)})
	if a.s.Addr().Addr() != r.host {
		r.Errorf("dialed from %v, want %v", a.s.Addr(), r.host)
	}
	r.same("the accepted end's Peer", b.s.Peer(), a.s.Addr())

	spare := r.listen(nil) // its port is free when it is closed
	local := spare.addr()
	spare.close()
	r.until("the port is free", spare.over)
	c, d := r.pairOf(v, &poller.Options{Local: local})
	r.same("Addr", c.s.Addr(), local)
	r.same("the accepted end's Peer", d.s.Peer(), local)
	c.reset()

	other := netip.IPv6Loopback()
	if r.host.Is6() {
		other = localhost
	}
	r.cannotDial(v.addr(), poller.AddrOf(netip.AddrPortFrom(other, 0)))
	r.cannotDial(v.addr(), v.addr()) // which is listened on
}

// cannotDial holds that there is no way from one address to another. Some systems find
// that out in Dial, and others later.
func (r *rig) cannotDial(to, from poller.Addr) {
	r.Helper()
	c, err := r.tryDial(to, &poller.Options{Local: from})
	if err != nil {
		return
	}
	r.until("the dial has ended", func() bool { return c.connected || c.dialErr != nil })
	if c.connected {
		r.Errorf("dialed %v from %v", to, from)
	}
}

func dialMany(r *rig) {
	v := r.listen(nil)
	var all []*conn
	for range 40 {
		all = append(all, r.dial(v.addr(), nil))
	}
	r.until("all are connected", func() bool {
		for _, c := range all {
			if !c.connected {
				return false
			}
		}
		return len(v.conns) == len(all)
	})
	for _, c := range all {
		c.reset()
	}
}

// dialInUpcalls dials from each kind of upcall.
func dialInUpcalls(r *rig) {
	v := r.listen(nil)
	var dialed []*conn
	more := func() { dialed = append(dialed, r.dial(v.addr(), nil)) }
	a := r.dial(v.addr(), nil)
	a.on.connected = func(error) { more() }
	a.on.received = func([]byte, error) { more() }
	a.on.closed = more
	first := true
	v.on.accepted = func(c *conn) bool {
		if first {
			first = false
			more()
			c.send(1)
			c.shutdown()
		}
		return true
	}
	r.until("both are connected", func() bool { return a.connected && len(v.conns) > 0 })
	a.start()
	r.until("the end is received", a.ended)
	a.close()
	r.until("it is closed", a.over)
	r.until("all are connected", func() bool {
		for _, c := range dialed {
			if !c.connected {
				return false
			}
		}
		return true
	})
	if len(dialed) < 5 { // Accepted, Connected, a byte, EOF, Closed
		r.Errorf("dialed from %d upcalls, want 5", len(dialed))
	}
}
