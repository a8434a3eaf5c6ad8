package stream

import (
	"slices"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// unheard are the connections of a loop that may read and have no OnRead, so that what arrives
// stays with the system. OnRead is a field, so that nobody tells us when it is set: we have to look.
// The latest connections are looked at in every turn, before the loop sleeps. The others are looked
// at now and then, because a server may have very many that only write.
type unheard struct {
	lp    *loop.Loop
	hot   []*Conn      // the latest
	cold  []*Conn      // the others
	tick  loop.Timeout // when to look at cold
	due   bool         // cold is to be looked at in this turn
	seen  uint64       // what had happened on the loop when cold was looked at last
	alone []alone      // in the order of until
	leave loop.Timeout // when the first of those ends
}

// alone is a connection that is gone. Something of it has arrived that nobody has read.
type alone struct {
	c     *Conn
	until poller.Time
}

const (
	hotMost   = 64
	coldEvery = 250 * time.Millisecond

	// keptMost is how much is kept of what arrives for a connection with OnEOF and without
	// OnRead. The last buffer that the poller reads may exceed it.
	keptMost = 64 << 10

	// aloneFor is how long a connection that is gone is kept for a reader who may still
	// come.
	aloneFor = 500 * time.Millisecond
)

// await leaves what arrives with the system until there is an OnRead. The peer's end is still
// told, if nothing that arrived is before it. A connection with OnEOF is to hear of the end in any
// case, and so some of what arrives is read, and kept.
func (c *Conn) await() {
	if c.hearsEnd() && (c.input() == nil || c.rare.in.size() < keptMost) {
		c.s.Start() // which does nothing after the peer's end
	} else {
		c.s.Stop()
		if w, ok := poller.As[poller.EndWatcher](c.s); ok {
			w.WatchEnd()
		}
	}
	if in := c.input(); in != nil && in.end != nil || c.writes == sendFailed {
		defer c.leaveAlone() // a pause has kept it from this until now
	}
	if c.is(noReader) {
		return
	}
	c.marks |= noReader
	u := &c.conf.unheard
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
	if c.OnRead == nil && !c.Closing() && !(c.is(readEnded) && c.input() == nil) {
		return false
	}
	c.marks &^= noReader
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
	return u.lp.Maker().Happened()
}

// coldUnheard is unheard when it is time to look at cold. In a loop in which nothing happens cold is
// not looked at again.
type coldUnheard unheard

func (u *coldUnheard) Expired(*loop.Timeout) {
	u.due = true // Flush does it, because what follows in this turn may set an OnRead yet
}

// leaveAlone ends c, which is gone, if nobody comes in time to read what has arrived.
func (c *Conn) leaveAlone() {
	if c.OnRead != nil || !c.is(noReader) {
		return // somebody reads it, or has paused it and will read it
	}
	u := &c.conf.unheard
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
		if c.Closing() || c.OnRead != nil || c.stops&stopByUser != 0 && !c.is(readEnded) {
			continue
		}
		if in := c.input(); in != nil && in.end != nil {
			err := in.end
			c.dropInput()
			c.endRead(err)
		} else if c.writes == sendFailed || c.is(readEnded) && c.writes >= finSent { // it may be here twice, and go on
			c.finish()
		}
	}
	u.alone = fit(slices.Delete(u.alone, 0, n))
	if len(u.alone) > 0 {
		u.lp.Maker().SetTimeout(&u.leave, u.alone[0].until)
	}
}

// hearsEnd reports whether the program hears of the peer's end, and of nothing before it.
func (c *Conn) hearsEnd() bool { return c.OnEOF != nil && c.OnRead == nil }
