package stream

import (
	"io"
	"os"
	"time"

	"example.com/pike/poller"
)

// How long a lingering connection is left alone between two looks: at first for about the
// time that an acknowledgement takes, then for twice as long each time.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = time.Second
)

// mustLinger reports whether closing the descriptor could destroy what we sent. Whatever
// arrives after that the system answers by a reset (RFC 1122, 4.2.2.13). Then the system
// drops what it has not sent, and the peer what it has not read. That cannot happen if the
// peer has ended, or has acknowledged everything. What a layer has still to send goes first,
// whatever the peer has ended.
func (c *Conn) mustLinger() bool {
	return c.is(spoken) && c.writes != sendFailed && (!c.is(readEnded) && c.mayLack() || c.s.Unsent() > 0)
}

// unacked is how many bytes the peer has not acknowledged; 0 where the backend
// cannot tell.
func (c *Conn) unacked() int {
	if a, ok := poller.As[poller.Acker](c.s); ok {
		return a.Unacked()
	}
	return 0
}

// untold is what Polls have still to tell of c, as far as the poller knows: n bytes, and what
// ev says. See poller.Foreteller.
func (c *Conn) untold() (n int, ev poller.Events) { return untold(c.s) }

// linger ends our side, and drops what arrives until the peer has acknowledged that end, or
// has ended too.
func (c *Conn) linger() {
	c.become(lingering)
	if c.writes < finSent {
		c.writes = finSent
		c.s.Shutdown()
	}
	c.s.Start()
	w, lp := c.watchClosing(), c.lp()
	w.passed = 0
	w.left, w.moved, w.wait = c.unacked(), lp.Poller().Now(), firstLook
	w.until = w.moved.Add(c.rare.drain)
	lp.SetTimeout(&w.look, w.moved.Add(w.wait))
}

// endLinger is when the peer has ended, or has reset the connection. After a reset nobody
// knows whether the peer has read what it had not acknowledged.
func (c *Conn) endLinger(err error) {
	if err != io.EOF && c.mayLack() {
		c.abandon(c.fail("close", err))
		return
	}
	c.closeStream()
}

// acknowledged closes the connection when everything is acknowledged. It does so too when
// nothing has been acknowledged for DrainTimeout: the system goes on trying with what is left,
// but nobody will hear how that ends.
func (w *closing) acknowledged() {
	c := w.c
	left, drain := c.unacked(), c.rare.drain
	now := w.follow(left)
	over := drain > 0 && now.Sub(w.moved) >= drain
	if over && left > 0 && w.postpones(now) {
		return
	}
	if over || left == 0 {
		if c.unackedBytes() > 0 {
			c.rare.err = c.losing(c.fail("close", os.ErrDeadlineExceeded))
		}
		c.closeStream()
		return
	}
	w.wait = min(2*w.wait, lastLook)
	c.lp().SetTimeout(&w.look, now.Add(w.wait))
}
