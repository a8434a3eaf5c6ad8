package pollertest

var connectedClauses = []clause{
	{name: "C11_accepted_and_then_connected", test: acceptedConnected, both: true},
	{name: "C11_closed_by_the_acceptor", test: closedByAcceptor},
	{name: "C11_closed_when_connected", test: closedWhenConnected},
	{name: "C11_panic_of_the_owner", test: panicOfOwner},
}

// acceptedConnected has owners start and send as soon as they are told, and not before. Layers get
// ready in an order of their own.
func acceptedConnected(r *rig) {
	const n = 20
	v := r.listen(nil)
	told := 0
	v.on.accepted = func(c *conn) bool {
		c.on.connected = func(error) {
			if c.s == nil || v.last() != c && !c.layered() {
				r.Errorf("%s: Connected, and Accepted of the next was called", c.name)
			}
			told++
			c.start()
			c.send(100)
		}
		return true
	}
	for range n {
		c := r.dial(v.addr(), nil)
		c.start()
		c.on.connected = func(error) { c.send(100) }
	}
	r.until("all are told", func() bool { return told == n })
	r.until("all is received", func() bool {
		for _, s := range r.sockets {
			if c, ok := s.(*conn); ok && c.in != 100 {
				return false
			}
		}
		return true
	})
}

// closedByAcceptor closes what comes in: it calls Close, or it returns no handler. Nobody is told
// Connected. The recorder holds that.
func closedByAcceptor(r *rig) {
	v := r.listen(nil)
	n := 0
	v.on.accepted = func(c *conn) bool {
		n++
		switch n % 3 {
		case 0:
			return false
		case 1:
			c.close()
		default:
			c.reset()
		}
		return true
	}
	for range 6 {
		r.dial(v.addr(), nil)
	}
	r.until("all are accepted", func() bool { return n == 6 })
	r.settle()
	for _, c := range v.conns {
		if c.told {
			r.Errorf("%s: Connected although it was closed", c.name)
		}
	}
}

func closedWhenConnected(r *rig) {
	v := r.listen(nil)
	v.on.accepted = func(c *conn) bool {
		c.on.connected = func(error) { c.start(); c.close() }
		return true
	}
	r.dial(v.addr(), nil)
	r.until("it is closed", func() bool { return len(v.conns) == 1 && v.last().closed })
}

// panicOfOwner has the owner of an accepted stream panic out of Poll. The stream still has its
// owner, who is told Closed, and other connections are accepted.
func panicOfOwner(r *rig) {
	v := r.listen(nil)
	panicked := false
	v.on.accepted = func(c *conn) bool {
		first := len(v.conns) == 0
		c.on.connected = func(error) {
			if first {
				panicked = true
				panic("owner")
			}
		}
		return true
	}
	a, b := r.dial(v.addr(), nil), r.dial(v.addr(), nil)
	r.pollThrough("the owner has panicked", func() bool { return panicked })
	r.until("both are accepted", func() bool { return len(v.conns) == 2 && a.connected && b.connected })
	v.conns[0].reset()
	r.until("it is closed", v.conns[0].over)
}

// pollThrough is until, whatever panics.
func (r *rig) pollThrough(what string, done func() bool) {
	r.Helper()
	for start := r.p.Now(); !done(); {
		if r.p.Now().Sub(start) > patience {
			r.Fatalf("waiting until %s: not after %v", what, patience)
		}
		func() {
			defer func() {
				if recover() != nil {
					r.polling = false
				}
			}()
			r.poll(r.p.Now().Add(settling))
		}()
	}
}
