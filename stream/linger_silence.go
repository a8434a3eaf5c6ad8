package stream

import (
	"time"

	"example.com/pike/poller"
)

// silence is how long a peer must have said nothing before its connection is closed, where the
// system does not tell what was acknowledged. A peer that goes on talking would be reset by the
// close. Such a peer answers what is in flight in less than that time. Most peers end their side
// when they have read our end, and then nobody waits for silence.
const silence = time.Second

// acknowledges reports whether the backend can tell what the peer has
// acknowledged.
func (c *Conn) acknowledges() bool {
	_, ok := poller.As[poller.Acker](c.s)
	return ok
}

// mayLack reports whether the peer's system may not have all that was sent.
func (c *Conn) mayLack() bool { return !c.acknowledges() || c.unacked() > 0 }

// heard takes note that the peer of a closing connection has said something.
func (c *Conn) heard() {
	if c.life == lingering && !c.acknowledges() {
		c.rare.closing.moved = c.now()
	}
}

// listen looks at a lingering connection where the system does not tell what was acknowledged.
// It closes the connection when the peer has been silent for long enough. It does so too when the
// peer has talked for DrainTimeout; what the peer says after that is answered by a reset.
func (w *closing) listen() {
	c := w.c
	now, next, bounded := c.now(), w.moved.Add(silence), c.rare.drain > 0
	if bounded {
		next = min(next, w.until)
	}
	if now >= next {
		if _, ev := c.untold(); ev&poller.Readable == 0 || bounded && now >= w.until {
			c.closeStream()
			return
		}
		next = now.Add(lookAgain) // the peer has talked, but no Poll has told that yet
	}
	c.lp().SetTimeout(&w.look, next)
}
