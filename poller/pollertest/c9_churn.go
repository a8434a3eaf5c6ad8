package pollertest

import "math/rand/v2"

var churnClauses = []clause{
	{name: "C9_churn_of_connections", test: churn, both: true},
}

// A churner does things at random to connections of its own, also inside their
// upcalls. The recorders judge. The random numbers are the same in every run, so that on a
// simulator a failure comes again.
type churner struct {
	*rig
	rng   *rand.Rand
	v     *server
	ends  []*conn
	depth int
}

const churnPairs = 12

func churn(r *rig) {
	for seed := range uint64(4) {
		k := &churner{rig: r, rng: rand.New(rand.NewPCG(seed, 9)), v: r.listen(tight)}
		k.v.on.accepted = func(c *conn) bool {
			k.hook(c)
			k.ends = append(k.ends, c)
			return true
		}
		for range 600 {
			k.step()
			if k.rng.IntN(4) == 0 {
				r.poll(r.p.Now().Add(20_000))
			}
		}
		k.drain()
	}
}

func (k *churner) hook(c *conn) {
	again := func() {
		if k.depth == 0 && k.rng.IntN(3) == 0 {
			k.depth++
			k.step()
			k.depth--
		}
	}
	c.on.connected = func(error) { again() }
	c.on.received = func([]byte, error) { again() }
	c.on.sent = func(error) { again() }
	c.on.closed = again
}

// step does one thing to one connection.
func (k *churner) step() {
	live := k.ends[:0]
	for _, c := range k.ends {
		if !c.closed {
			live = append(live, c)
		}
	}
	k.ends = live
	if len(k.ends) < churnPairs*2 {
		to := k.v.addr()
		if k.rng.IntN(8) == 0 {
			to = k.nobody()
		}
		c := k.dial(to, tight)
		k.hook(c)
		k.ends = append(k.ends, c)
	}
	c := k.ends[k.rng.IntN(len(k.ends))]
	switch n := k.rng.IntN(40); {
	case n < 16:
		c.start()
	case n < 20:
		c.stop()
	case n < 30 && c.connected && !c.sending && !c.shut:
		c.send(k.rng.IntN(20_000), 0, k.rng.IntN(30))
	case n < 34 && c.connected && !c.sending && !c.shut:
		if c.trySend(k.rng.IntN(5000)); c.rest > 0 {
			c.send()
		}
	case n < 36 && c.connected:
		c.shut = true
		c.shutdown()
	case n == 36:
		c.reset()
	case n == 37:
		c.close()
	}
}

// drain has the connections that are left send all they have. It holds that everything
// arrives if neither end was cut off.
func (k *churner) drain() {
	k.v.on.accepted = nil
	for _, c := range k.sockets {
		if c, ok := c.(*conn); ok {
			c.on.connected, c.on.received, c.on.sent, c.on.closed = nil, nil, nil, nil
		}
	}
	k.until("no dial is out", func() bool {
		for _, c := range k.ends {
			if !c.connected && c.dialErr == nil && !c.closing {
				return false
			}
		}
		return true
	})
	k.until("every connection has ended", func() bool {
		left := 0
		for _, c := range k.conns() {
			if c.closing {
				continue
			}
			if !c.ended() {
				left++
			}
			if !c.started && !c.ended() {
				c.start()
			}
			if !c.shut {
				c.shut = true
				c.shutdown()
			}
		}
		return left == 0
	})
	// A system may have given the port of a connection that was reset to another one.
	// Then the addresses do not tell which connections were peers.
	users := map[pattern]int{}
	for _, s := range k.sockets {
		if c, ok := s.(*conn); ok && c.connected {
			users[c.ours]++
		}
	}
	for _, c := range k.conns() {
		for _, d := range k.conns() {
			whole := !c.closing && !d.closing && c.ours == d.theirs && users[c.ours] == 1
			if whole && (d.in != c.out || !d.eof()) {
				k.Errorf("%s received %d bytes of the %d of %s, then %v; Sent(%v), out: %v",
					d.name, d.in, c.out, c.name, d.end, c.sendErr, c.sending)
			}
		}
		c.close()
	}
}

// conns are the connections that are or were connected.
func (k *churner) conns() []*conn {
	var all []*conn
	for _, s := range k.sockets {
		if c, ok := s.(*conn); ok && c.connected && !c.closed {
			all = append(all, c)
		}
	}
	return all
}
