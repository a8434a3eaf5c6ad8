package stream

import (
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A closing watches whether the peer of a connection that drains or lingers takes what is left.
type closing struct {
	c      *Conn
	look   loop.Timeout  // when to look again
	left   int           // what the peer had still to take, or to acknowledge, at the last look
	moved  poller.Time   // when it took something last, as far as we know; for linger_silence.go, when it talked last
	wait   time.Duration // between looks, while lingering
	until  poller.Time   // when listening ends, however much the peer talks; see linger_silence.go
	passed nextPoll      // since DrainTimeout was found to have passed
}

// watchClosing is c.rare.closing, which is made if there is none. The timeouts that the
// connection had while it was open have no meaning from then on.
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

// stop ends all looks.
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
	case c.life == finished: // see bound
		c.s.Reset()
	case c.life != lingering:
	case c.acknowledges():
		w.acknowledged()
	default:
		w.listen()
	}
}

// watchDrain begins to look at a draining connection, if there is a DrainTimeout.
func (c *Conn) watchDrain() {
	w, lp, drain := c.watchClosing(), c.lp(), c.rare.drain
	lp.StopTimeout(&w.look)
	if drain > 0 {
		w.passed = 0
		w.left, w.moved = c.outstanding()+c.filed(), lp.Poller().Now()
		lp.SetTimeout(&w.look, w.moved.Add(drain/looks))
	}
}

// follow takes note of what is left, and returns the time.
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
	now, drain := w.follow(c.outstanding()+c.filed()), c.rare.drain
	due := w.moved.Add(drain)
	if now < due {
		c.lp().SetTimeout(&w.look, min(due, now.Add(drain/looks)))
		return
	}
	if !w.postpones(now) {
		c.abandon(c.fail("close", os.ErrDeadlineExceeded))
	}
}

// postpones reports whether the end of a connection, which is due, has to wait. It waits for
// one Poll in any case, as in review. After that it waits only while a Poll has still to tell
// that the system has room, or that the peer has ended.
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
