package stream

import (
	"io"
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// How often a lingering connection is looked at: at first after about the time
// that an acknowledgement takes, then less and less.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = time.Second
)

// mustLinger reports whether closing the descriptor could destroy what we sent:
// the system answers whatever arrives after that by a reset, and drops what it
// has not sent, or the peer what it has not read (RFC 1122, 4.2.2.13). Not if the
// peer has ended, or has acknowledged all. What a layer has still to say goes first, whatever the
// peer has ended.
func (c *Conn) mustLinger() bool {
	return c.is(spoken) && !c.is(sendFailed) && (!c.is(readEnded) && c.mayLack() || c.s.Unsent() > 0)
}

// unacked is how many bytes the peer has not acknowledged; 0 where the backend
// cannot tell.
func (c *Conn) unacked() int {
	if a, ok := poller.As[poller.Acker](c.s); ok {
		return a.Unacked()
	}
	return 0
}

// untold is what Polls have still to tell of c, as far as that is known; see
// poller.Foreteller.
func (c *Conn) untold() (n int, ev poller.Events) { return untold(c.s) }

// postpones reports whether the end of a drain, which is due, is to wait: for one
// Poll in any case, as in review, and then until it is told that the system has room, or
// that the peer has ended.
func (m *rarely) postpones(now poller.Time) bool {
	n, ev := m.c.untold()
	at := now
	if m.polled() {
		if at = now.Add(lookAgain); ev&poller.Writable == 0 && (n > 0 || ev == 0) {
			return false
		}
	}
	m.c.lp().SetTimeout(&m.linger, at)
	return true
}

// linger ends our side and reads into nothing until the peer has acknowledged
// that, or ended too.
func (c *Conn) linger() {
	c.state |= lingering
	if !c.is(finSent) {
		c.state |= finSent
		c.s.Shutdown()
	}
	c.s.Start()
	m := c.rare()
	lp := c.lp()
	m.late = 0
	m.unsent, m.moved, m.wait = c.unacked(), lp.Poller().Now(), firstLook
	m.until = m.moved.Add(m.drain)
	lp.SetTimeout(&m.linger, m.moved.Add(m.wait))
}

// endLinger is the peer's end, or its reset: of what it had not acknowledged
// then nobody knows whether it was read.
func (c *Conn) endLinger(err error) {
	if err != io.EOF && c.mayLack() {
		c.abandon(c.fail("close", err))
		return
	}
	c.leave()
}

// Expired is the time to look at a connection that has timeouts, drains or
// lingers.
func (m *rarely) Expired(*loop.Timeout) {
	c := m.c
	switch {
	case c.is(finished): // see bound
		c.s.Reset()
	case !c.Closing():
		m.review()
	case c.is(lingering) && c.acknowledges():
		m.look()
	case c.is(lingering):
		m.listen()
	default:
		m.stalls()
	}
}

// look leaves once everything is acknowledged, and also when nothing has been
// for as long as a drain may stall: what is left is with the system, which goes
// on trying by itself, but nobody will hear how that ends.
func (m *rarely) look() {
	c := m.c
	lp := c.lp()
	now, left := lp.Poller().Now(), c.unacked()
	if left < m.unsent {
		m.unsent, m.moved, m.late = left, now, 0
	}
	over := m.drain > 0 && now.Sub(m.moved) >= m.drain
	if over && left > 0 && m.postpones(now) {
		return
	}
	if over || left == 0 {
		if c.unackedBytes() > 0 {
			m.err = c.losing(c.fail("close", os.ErrDeadlineExceeded))
		}
		c.leave()
		return
	}
	m.wait = min(2*m.wait, lastLook)
	lp.SetTimeout(&m.linger, now.Add(m.wait))
}

func (m *rarely) stop() { m.c.lp().StopTimeout(&m.linger) }
