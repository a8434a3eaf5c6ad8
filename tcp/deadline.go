package tcp

import (
	"net"
	"os"
	"time"

	"example.com/pike/poller"
)

// All timeouts of a connection share one loop.Timeout, which is armed for the
// first of them and never moved back: what happens on the connection is only
// remembered, and looked at when the Timeout expires. So a packet costs a
// reading of the clock, and a million idle connections cost the wheel one visit
// a timeout each, many of them in one turn of the loop.

// SetIdleTimeout sets Options.IdleTimeout for this connection: it ends when
// nothing has been received and nothing sent for d, be it paused or not. What the
// system holds for a peer counts as being sent while the peer acknowledges some of it, as far as the
// backend can tell; that is looked at four times within d, and so it may be a
// quarter longer. 0, or less, is no bound.
//
// A timeout ends the connection at once, or up to 5 ms after it has passed, so that those of many connections
// are looked at together. The reason of OnClose is an
// os.ErrDeadlineExceeded, whose *net.OpError has the operation "idle", "read" or
// "write". A peer that has taken everything sees an orderly end, any other a reset.
// While a connection is being dialed or closed its timeouts rest: there are
// Options.Timeout and Options.DrainTimeout.
func (c *Conn) SetIdleTimeout(d time.Duration) error {
	return c.setTimeout("tcp.Conn.SetIdleTimeout", func(p *policy) { p.idle = max(d, 0) })
}

// SetReadTimeout sets Options.ReadTimeout for this connection: it ends when it
// has received nothing for d. Time in which reading is paused does not count: it
// begins anew when reading goes on, and ends for good with the peer's end. 0, or
// less, is no bound.
//
// It is no help against a peer that sends a byte now and then: see
// [Conn.SetReadDeadline].
func (c *Conn) SetReadTimeout(d time.Duration) error {
	return c.setTimeout("tcp.Conn.SetReadTimeout", func(p *policy) { p.read = max(d, 0) })
}

// SetWriteTimeout sets Options.WriteTimeout for this connection: it ends when
// output is queued ([Conn.Buffered]) and the peer has taken nothing for d. As far as
// the backend can tell, it is what the peer acknowledges that counts, so that a slow
// reader who goes on reading is left alone. That is looked at four times within d,
// and so it may be a quarter longer. 0, or less, is no bound.
func (c *Conn) SetWriteTimeout(d time.Duration) error {
	return c.setTimeout("tcp.Conn.SetWriteTimeout", func(p *policy) { p.write = max(d, 0) })
}

// SetReadDeadline ends the connection d from now, whatever is received until
// then: the bound on a whole request, a login or a handshake, against peers that
// send it a byte at a time. Calling it again moves it, also further away, which
// costs next to nothing; 0, or less, lifts it, and so does the peer's end. The
// reason is as for SetReadTimeout.
func (c *Conn) SetReadDeadline(d time.Duration) error {
	if err := c.Loop().Check("tcp.Conn.SetReadDeadline"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("set", net.ErrClosed)
	}
	if d <= 0 && c.more == nil { // there is none to lift
		return nil
	}
	m := c.rare()
	if m.deadline = 0; d > 0 {
		m.deadline = c.now().Add(d)
	}
	switch {
	case c.is(connecting): // keepTime will see it
	case c.is(timed):
		m.wakeBy(m.deadline)
	default:
		c.keepTime()
	}
	return nil
}

func (c *Conn) setTimeout(method string, set func(*policy)) error {
	if err := c.Loop().Check(method); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("set", net.ErrClosed)
	}
	p := c.share.policy
	set(&p)
	c.configure(p)
	switch {
	case c.is(connecting): // begin will see it
	case c.is(timed):
		c.more.review()
	case c.share.timeouts():
		c.keepTime()
	}
	return nil
}

// timeouts reports whether the policy has any.
func (p *policy) timeouts() bool { return p.idle|p.read|p.write != 0 }

// now reads the clock: the loop's own reading is from before it waited.
func (c *Conn) now() poller.Time { return c.Loop().Poller().Now() }

// keepTime begins to remember when things happen.
func (c *Conn) keepTime() {
	m := c.rare()
	c.state |= timed
	now := c.now()
	m.read, m.moved, m.reading = now, now, now
	m.acked, _ = m.acknowledged()
	m.review()
}

// progressed is when the system has taken some of what was written.
func (c *Conn) progressed() {
	if c.is(timed) {
		c.more.moved = c.now()
	}
}

// queued is when something is queued where nothing was: from here on the peer
// can be late.
func (m *rarely) queued() {
	m.moved = m.c.now()
	if d := m.c.share.write; d > 0 {
		m.wakeBy(m.moved.Add(d / looks))
	}
}

// resumed is when reading begins, or goes on after a pause.
func (m *rarely) resumed() {
	m.reading = m.c.now()
	if d := m.c.share.read; d > 0 {
		m.wakeBy(m.reading.Add(d))
	}
}

// lookTick is what the times of looks are rounded up to, about 4 ms: a million connections whose timeouts are all due at
// times of their own would else wake the loop for each.
const lookTick = 1 << 22

// wakeBy has review called then, or earlier. 0 is never, and so is the end of time.
func (m *rarely) wakeBy(at poller.Time) {
	if at != 0 && at < poller.Never-lookTick {
		m.wakeAt((at + lookTick - 1) &^ (lookTick - 1))
	}
}

func (m *rarely) wakeAt(at poller.Time) {
	if !m.linger.Armed() || at < m.linger.Due() {
		m.c.Loop().SetTimeout(&m.linger, at)
	}
}

// looks is how often within a timeout a peer is looked at that has something to
// take: nobody tells us when it does.
const looks = 4

// acknowledged grows by what the peer acknowledges, or the system takes where the
// backend cannot tell. left is what it still has to take.
func (m *rarely) acknowledged() (acked, left int) {
	left = m.c.Buffered() + m.c.unacked()
	return m.written - left, left
}

// review ends a connection of which a timeout has passed, and else sees when to
// look again. It does so only after another poll: a process that was stopped, or
// a callback that took long, must not make a timeout of what waits to be read.
func (m *rarely) review() {
	c := m.c
	now, next, late := c.now(), poller.Never, ""
	acked, left := m.acknowledged()
	if acked != m.acked {
		if m.acked = acked; left > 0 { // or else that is about as long ago as what was sent last
			m.moved = now
		}
	}
	bound := func(op string, at poller.Time) {
		if at <= now && late == "" {
			late = op
		}
		next = min(next, at)
	}
	p := &c.share.policy
	reads := !c.is(readEnded)
	if p.read > 0 && reads && !c.is(paused|held|heldByLoop) {
		bound("read", max(m.read, m.reading).Add(p.read))
	}
	if m.deadline != 0 && reads {
		bound("read", m.deadline)
	}
	if p.write > 0 && c.Buffered() > 0 {
		bound("write", m.moved.Add(p.write))
		next = min(next, now.Add(p.write/looks))
	}
	if p.idle > 0 {
		bound("idle", max(m.read, m.moved).Add(p.idle))
		if left > 0 {
			next = min(next, now.Add(p.idle/looks))
		}
	}
	turn := c.Loop().Metrics().Turns + 1
	switch {
	case late == "":
		m.late = 0
		if next != poller.Never {
			m.wakeBy(next)
		}
	case m.late != 0 && m.late != turn:
		c.expire(late)
	default:
		if m.late == 0 {
			m.late = turn
		}
		m.wakeAt(now)
	}
}

// expire ends a connection that a timeout is over for. What the system has it
// sends by itself.
func (c *Conn) expire(op string) {
	m := c.rare()
	err := m.err // of sending, where the peer was still to say why
	if err == nil {
		err = c.fail(op, os.ErrDeadlineExceeded)
	}
	if c.out != nil {
		c.abandon(err)
		return
	}
	m.err = c.losing(err)
	c.Loop().BeginClose(c)
	c.leave()
}
