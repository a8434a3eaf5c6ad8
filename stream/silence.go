package stream

import (
	"time"

	"example.com/pike/poller"
)

// silence is how long a peer must have said nothing where the system does not tell
// what was acknowledged. It is longer than data in flight takes to be answered by
// a peer that goes on talking, which is who would be reset; and a peer that ends
// its side, as most do when they have read our end, cuts it short.
const silence = time.Second

// acknowledges reports whether the backend can tell what the peer has
// acknowledged.
func (c *Conn) acknowledges() bool {
	_, ok := poller.As[poller.Acker](c.s)
	return ok
}

// mayLack reports whether the peer's system may lack some of what was sent.
func (c *Conn) mayLack() bool { return !c.acknowledges() || c.unacked() > 0 }

// heard takes note that the peer of a lingering connection goes on talking.
func (c *Conn) heard() {
	if c.is(lingering) && !c.acknowledges() {
		c.rare().moved = c.lp().Poller().Now()
	}
}

// listen looks at a lingering connection of which nobody can tell what was
// acknowledged. It leaves when the peer has been silent, and when it has talked for
// as long as a drain may stall: what it says then is answered by a reset.
func (m *rarely) listen() {
	c := m.c
	lp := c.lp()
	now, next := lp.Poller().Now(), m.moved.Add(silence)
	if m.drain > 0 {
		next = min(next, m.until)
	}
	if now >= next {
		if _, ev := c.untold(); ev&poller.Readable == 0 || m.drain > 0 && now >= m.until {
			c.leave()
			return
		}
		next = now.Add(lookAgain) // it has talked, and we are late
	}
	lp.SetTimeout(&m.linger, next)
}
