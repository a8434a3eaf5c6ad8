package pollertest

import (
	"time"

	"example.com/pike/poller"
)

// untold asks c what is still to be told of it.
func (c *conn) untold() (n int, ev poller.Events) {
	c.Helper()
	f, ok := poller.As[poller.Foreteller](c.s)
	if !ok {
		c.Fatal("streams are no poller.Foretellers")
	}
	c.call("Untold", func() { n, ev = f.Untold() })
	return n, ev
}

// foretold reports whether n bytes untold is right, where want are. How many a layer will make of
// what is below it, it cannot know yet.
func (c *conn) foretold(n int, want int64) bool {
	return int64(n) == want || c.layered() && n > 0 && want > 0
}

// foretells holds what c has still to tell.
func (c *conn) foretells(what string, n int, ev poller.Events) {
	c.Helper()
	if gotN, got := c.untold(); gotN != n || got != ev {
		c.Errorf("%s: %d bytes and events %#x are untold, want %d and %#x", what, gotN, got, n, ev)
	}
}

// late has time pass in which c's poller does not poll, until c has something to tell:
// the system may take a moment.
func (r *rig) late(what string, c *conn, is func(n int, ev poller.Events) bool) {
	r.Helper()
	for start := r.p.Now(); !is(c.untold()); time.Sleep(time.Millisecond) {
		if r.p.Now().Sub(start) > patience {
			n, ev := c.untold()
			r.Fatalf("%s is not foretold: %d bytes, events %#x", what, n, ev)
		}
		if r.simulated() {
			// A simulated clock stands still between Polls; a Poll tells at once what it
			// lets arrive, unless the stream is stopped.
			c.stop()
			r.poll(r.p.Now().Add(time.Millisecond))
			c.start()
		}
	}
}

// simulated reports whether the clock is no real one.
func (r *rig) simulated() bool {
	before := r.p.Now()
	time.Sleep(10 * time.Microsecond)
	return r.p.Now() == before
}

func foretold(r *rig) {
	a, b := r.pair(nil)
	b.start()
	r.settle()
	b.foretells("nothing has happened", 0, 0)
	a.send(1000)
	r.late("data", b, func(n int, ev poller.Events) bool { return b.foretold(n, 1000) && ev == poller.Readable })
	b.stop()
	b.foretells("it is stopped", 0, 0)
	b.start()
	r.until("it is told", func() bool { return b.in == 1000 })
	r.settle()
	b.foretells("all is told", 0, 0)
	a.shutdown()
	r.late("an end", b, func(n int, ev poller.Events) bool { // a layer's may have bytes of its own
		return (n == 0 || b.layered()) && ev == poller.Readable
	})
	r.until("the end is told", b.ended)
	b.foretells("the end is told", 0, 0)
	a.close()
	b.close()
	b.foretells("it is closed", 0, 0)
}

func foretoldDial(r *rig) {
	v := r.listen(nil)
	a := r.dial(v.addr(), nil)
	over := func(n int, ev poller.Events) bool { return n == 0 && ev == poller.Writable }
	if !r.simulated() { // there a Poll would tell
		r.late("that it is connected", a, over)
	}
	r.until("it is connected", func() bool { return a.connected })
	a.foretells("it is connected", 0, 0)
	c := r.dial(r.nobody(), nil)
	if !r.simulated() {
		r.late("that it is refused", c, over)
	}
	r.until("it is refused", func() bool { return c.dialErr != nil })
	c.foretells("it was refused", 0, 0)
	a.reset()
	c.close()
}

func foretoldSend(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	r.settle()
	r.until("the peer is full", func() bool { // a busy system may still make room
		n, ev := a.untold()
		return n == 0 && ev == 0
	})
	b.start()
	told := false
	a.on.sent = func(error) { told = true }
	r.until("it is sent", func() bool { return told && b.in == a.out })
	a.foretells("it is sent", 0, 0)
}

func foretoldReset(r *rig) {
	a, b := r.pair(nil)
	a.reset()
	r.until("it is closed", func() bool { return a.closed })
	b.start()
	if !r.simulated() { // there a Poll would tell, as a stopped stream too is told of it
		r.late("a reset", b, func(n int, ev poller.Events) bool { return n == 0 && ev == poller.Readable })
	}
	r.until("the reset is told", b.ended)
	b.foretells("the reset is told", 0, 0)
}

// foretoldMany has more of everything than a Poll tells. What is left over is foretold
// until it is told.
func foretoldMany(r *rig) {
	v := r.listen(nil)
	const n = 300
	var from, to []*conn
	for range n {
		a, b := r.pairOf(v, nil)
		from, to = append(from, a), append(to, b)
	}
	for _, a := range from {
		a.send(100)
	}
	r.settle()
	for _, b := range to {
		b.start()
	}
	r.within(100*n, "all is told", func() bool {
		left := 0
		for _, b := range to {
			got, ev := b.untold()
			switch {
			case !b.foretold(got, 100-b.in), (ev == poller.Readable) != (b.in < 100):
				r.Fatalf("%d of 100 bytes are told, and %d and events %#x foretold", b.in, got, ev)
			case b.in < 100:
				left++
			}
		}
		return left == 0
	})
	for _, a := range from {
		a.reset()
	}
}
