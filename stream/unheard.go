package stream

import (
	"slices"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// unheard are the connections of a loop that may read and have no OnRead, so that what
// arrives stays with the system. OnRead is a field: that it was set can only be seen. The
// latest are looked at in every turn, before the loop sleeps; the others now and then, as a
// server may have very many that only write.
type unheard struct {
	lp    *loop.Loop
	hot   []*Conn
	cold  []*Conn
	tick  loop.Timeout // to look at cold
	due   bool         // that is to be done in this turn
	seen  uint64       // what had happened on the loop when it was done last
	alone []alone      // in the order of until
	leave loop.Timeout // for the first of those
}

// alone is a connection that is gone, with something that arrived and that nobody reads.
type alone struct {
	c     *Conn
	until poller.Time
}

const (
	hotMost   = 64
	coldEvery = 250 * time.Millisecond

	// keptMost is how much is kept of what arrives for whoever has an OnEOF and no OnRead,
	// but for the end of the last buffer that the poller reads.
	keptMost = 64 << 10

	// aloneFor is how long a connection that is gone is kept for a reader who may be on
	// his way.
	aloneFor = 500 * time.Millisecond
)

// await leaves what arrives with the system until there is an OnRead. The peer's end is
// still told, if it is not behind something that arrived. Whoever has an OnEOF wants to know
// of it in any case, so that some is read, and kept.
func (c *Conn) await() {
	if c.hearsEnd() && (c.more == nil || len(c.more.unread) < keptMost) {
		c.s.Start() // after the end this does nothing
	} else {
		c.s.Stop()
		if w, ok := poller.As[poller.EndWatcher](c.s); ok {
			w.WatchEnd()
		}
	}
	if m := c.more; m != nil && (m.end != nil || c.is(sendFailed)) {
		defer c.leaveAlone() // a pause was in the way
	}
	if c.is(silent) {
		return
	}
	c.state |= silent
	u := &c.share.unheard
	if u.lp == nil {
		u.lp = c.Loop()
		u.tick.Init((*coldUnheard)(u))
		u.leave.Init(u)
	}
	if len(u.hot)+len(u.cold) == 0 {
		u.lp.Maker().EachTurn(u, true)
	}
	if len(u.hot) == hotMost {
		u.cold = append(u.cold, u.hot[0])
		u.hot = slices.Delete(u.hot, 0, 1)
	}
	u.hot = append(u.hot, c)
}

// heardOf begins to read where there is an OnRead now, and reports whether c is to be
// forgotten.
func (c *Conn) heardOf() bool {
	if c.OnRead == nil && !c.Closing() && !(c.is(readEnded) && !c.keeps()) {
		return false
	}
	c.state &^= silent
	c.startRead()
	return true
}

// Flush looks at the latest, in every turn.
func (u *unheard) Flush() {
	u.hot = slices.DeleteFunc(u.hot, (*Conn).heardOf)
	due := u.due
	if due {
		u.due, u.cold = false, fit(slices.DeleteFunc(u.cold, (*Conn).heardOf))
		u.seen = u.happened()
	}
	switch {
	case len(u.hot)+len(u.cold) == 0:
		u.lp.Maker().EachTurn(u, false)
	case len(u.cold) > 0 && !due && !u.tick.Armed() && u.happened() != u.seen:
		u.lp.Maker().SetTimeout(&u.tick, u.lp.Maker().Poller().Now().Add(coldEvery))
	}
}

// happened grows with every callback that may have set an OnRead.
func (u *unheard) happened() uint64 {
	m := u.lp.Metrics()
	if _, counts := u.lp.Maker().Poller().(poller.Meter); !counts {
		return m.Turns
	}
	return m.Callbacks + m.Events
}

// coldUnheard is unheard when the others are due. In a loop in which nothing happens they are
// not looked at again.
type coldUnheard unheard

func (u *coldUnheard) Expired(*loop.Timeout) {
	u.due = true // in Flush, as what follows in this turn may set an OnRead yet
}

// leaveAlone ends c, which is gone, when nobody has come to read what had arrived.
func (c *Conn) leaveAlone() {
	if c.OnRead != nil || !c.is(silent) {
		return // it is read, or paused by somebody who will
	}
	u := &c.share.unheard
	u.alone = append(u.alone, alone{c, c.now().Add(aloneFor)})
	if !u.leave.Armed() {
		u.lp.Maker().SetTimeout(&u.leave, u.alone[0].until)
	}
}

// Expired is the end of waiting for readers.
func (u *unheard) Expired(*loop.Timeout) {
	now := u.lp.Maker().Poller().Now()
	n := 0
	for ; n < len(u.alone) && u.alone[n].until <= now; n++ {
		c := u.alone[n].c
		if c.Closing() || c.OnRead != nil || c.is(paused) && !c.is(readEnded) {
			continue
		}
		if m := c.more; m.end != nil {
			err := m.end
			m.unread, m.end = nil, nil
			c.endRead(err)
		} else {
			c.finish()
		}
	}
	u.alone = slices.Delete(u.alone, 0, n)
	if len(u.alone) > 0 {
		u.lp.Maker().SetTimeout(&u.leave, u.alone[0].until)
	}
}

// hearsEnd reports whether the program hears of the peer's end, and of nothing before it.
func (c *Conn) hearsEnd() bool { return c.OnEOF != nil && c.OnRead == nil }

// keeps reports whether something that was received is kept for an OnRead.
func (c *Conn) keeps() bool { return c.more != nil && c.more.unread != nil }

// keepUnread keeps what was received when there was no OnRead.
func (c *Conn) keepUnread(p []byte) {
	m := c.rare()
	m.unread = append(m.unread, p...)
	c.await()
}

// readUnread hands over what was kept, and the end that came behind it.
func (c *Conn) readUnread() {
	if !c.keeps() {
		return
	}
	m := c.more
	if c.Closing() {
		m.unread, m.end = nil, nil
		return
	}
	if c.OnRead == nil || c.is(paused|held|heldByLoop) {
		return
	}
	p, err := m.unread, m.end
	m.unread, m.end = nil, nil
	if len(p) > 0 {
		(*upcalls)(c).Received(p, nil)
	}
	switch {
	case err == nil:
		c.startRead()
		c.settle()
	case c.OnRead != nil && !c.is(paused|held|heldByLoop) || c.Closing():
		c.endRead(err)
	default: // paused by what it has read
		m.unread, m.end = []byte{}, err
		c.startRead()
	}
}
