package stream

import (
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A closing watches a connection that drains or lingers: whether its peer takes what is left.
type closing struct {
	c      *Conn
	look   loop.Timeout  // when to look again
	left   int           // what the peer had to take at the last look, what is not acknowledged included
	moved  poller.Time   // when it last took something, as far as we have looked; see also silence.go
	wait   time.Duration // between looks, while lingering
	until  poller.Time   // the end of lingering that only listens; see silence.go
	passed nextPoll      // after DrainTimeout
}

// watchClosing is c.rare.closing, which is made if there is none. The timeouts of an open
// connection rest from then on.
func (c *Conn) watchClosing() *closing {
	m := c.makeRare()
	if k := m.clock; k != nil {
		c.lp().StopTimeout(&k.look)
		m.clock = nil
	}
	if m.closing == nil {
		m.closing = &closing{c: c}
		m.closing.look.Init(m.closing)
	}
	return m.closing
}

// stop has nobody looked at any more.
func (m *rare) stop() {
	if k := m.clock; k != nil {
		k.c.lp().StopTimeout(&k.look)
	}
	if w := m.closing; w != nil {
		w.c.lp().StopTimeout(&w.look)
	}
}

// Expired is the time to look.
func (w *closing) Expired(*loop.Timeout) {
	c := w.c
	switch {
	case c.life == draining:
		w.stalls()
	case c.life != lingering:
	case c.acknowledges():
		w.acknowledged()
	default:
		w.listen()
	}
}

// watchDrain begins to look whether the peer takes what is left.
func (c *Conn) watchDrain() {
	w, lp, drain := c.watchClosing(), c.lp(), c.rare.drain
	lp.StopTimeout(&w.look)
	if drain > 0 {
		w.passed = 0
		w.left, w.moved = c.outstanding(), lp.Poller().Now()
		lp.SetTimeout(&w.look, w.moved.Add(drain/looks))
	}
}

// follow looks at what is left, and reports the time.
func (w *closing) follow(left int) (now poller.Time) {
	now = w.c.now()
	if left < w.left {
		w.left, w.moved, w.passed = left, now, 0
	}
	return now
}

// stalls looks at a draining connection, and resets a peer that takes nothing.
func (w *closing) stalls() {
	c := w.c
	now, drain := w.follow(c.outstanding()), c.rare.drain
	due := w.moved.Add(drain)
	if now < due {
		c.lp().SetTimeout(&w.look, min(due, now.Add(drain/looks)))
		return
	}
	if !w.postpones(now) {
		c.abandon(c.fail("close", os.ErrDeadlineExceeded))
	}
}

// postpones reports whether the end of a drain, which is due, is to wait: for one
// Poll in any case, as in review, and then until it is told that the system has room, or
// that the peer has ended.
func (w *closing) postpones(now poller.Time) bool {
	n, ev := w.c.untold()
	at := now
	if w.passed.over(w.c.Loop()) {
		if at = now.Add(lookAgain); ev&poller.Writable == 0 && (n > 0 || ev == 0) {
			return false
		}
	}
	w.c.lp().SetTimeout(&w.look, at)
	return true
}
