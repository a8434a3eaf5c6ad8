package stream

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
// nothing has been received for d, and the peer has taken nothing, be it paused or not.
// What was sent counts when the peer acknowledges it, as far as the backend can tell, so that a
// peer which has vanished is idle, however much is written to it; that is looked at four times
// within d, and so it may be a quarter longer. 0, or less, is no bound.
//
// Windows, OpenBSD and DragonFly do not tell what was acknowledged. There it counts when the
// system takes it, and a peer that has vanished is found out when the system gives it up.
//
// A timeout ends the connection at once, or some milliseconds after it has passed, so that those of many
// connections are looked at together. It is a word about the peer: when the loop was late itself, all that
// had arrived by then is looked at first. The reason of OnClose is an
// os.ErrDeadlineExceeded, whose *net.OpError has the operation "idle", "read" or
// "write". A peer that has taken everything sees an orderly end, any other a reset.
// While a connection is being dialed or closed its timeouts rest: there are
// Options.Timeout and Options.DrainTimeout.
func (c *Conn) SetIdleTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetIdleTimeout", func(p *policy) { p.idle = max(d, 0) })
}

// SetReadTimeout sets Options.ReadTimeout for this connection: it ends when it
// has received nothing for d. Time in which reading is paused, or there is no OnRead, does
// not count: it begins anew when reading goes on, and ends for good with the peer's end. 0, or
// less, is no bound.
//
// It is no help against a peer that sends a byte now and then: see
// [Conn.SetReadDeadline].
func (c *Conn) SetReadTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetReadTimeout", func(p *policy) { p.read = max(d, 0) })
}

// SetWriteTimeout sets Options.WriteTimeout for this connection: it ends when the peer
// has something to take and has taken nothing for d. As far as the backend can tell
// (see [Conn.SetIdleTimeout]), that is what it has not acknowledged, be it queued
// ([Conn.Buffered]) or with the system, and what it acknowledges counts: a slow reader who goes on
// reading is left alone, and one that has vanished is not. So d has to be longer than an acknowledgement
// takes, a lost packet included. That is looked at four times within d, and so it may
// be a quarter longer. 0, or less, is no bound.
func (c *Conn) SetWriteTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetWriteTimeout", func(p *policy) { p.write = max(d, 0) })
}

// SetReadDeadline ends the connection d from now, whatever is received until
// then: the bound on a whole request, a login or a handshake, against peers that
// send it a byte at a time. Calling it again moves it, also further away, which
// costs next to nothing; 0, or less, lifts it, and so does the peer's end. The
// reason is as for SetReadTimeout.
func (c *Conn) SetReadDeadline(d time.Duration) error {
	if err := c.lp().Check("stream.Conn.SetReadDeadline"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("set", net.ErrClosed)
	}
	if d <= 0 && c.more == nil { // there is none to lift
		return nil
	}
	m := c.rare()
	m.late, m.counts = 0, false
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
	if err := c.lp().Check(method); err != nil {
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
func (c *Conn) now() poller.Time { return c.lp().Poller().Now() }

// keepTime begins to remember when things happen.
func (c *Conn) keepTime() {
	m := c.rare()
	c.state |= timed
	now := c.now()
	m.read, m.moved, m.reading, m.sent = now, now, now, now
	m.acked, m.left = m.acknowledged()
	m.review()
}

// progressed is when the system has taken some of what was written.
func (c *Conn) progressed() {
	if c.is(timed) {
		c.more.sent = c.now()
		c.more.owes(c.more.sent)
	}
}

// took is progressed for n bytes that were never queued.
func (c *Conn) took(n int) {
	if c.is(timed) && n > 0 {
		c.more.written += n
		c.progressed()
	}
}

// queued is when something is queued where nothing was.
func (m *rarely) queued() {
	if m.left == 0 {
		m.owes(m.c.now())
	}
}

// owes is when the peer has been given something to take: if it had taken everything,
// it can be late from here on. What it is given after that changes nothing, or one that
// has vanished would never be late for one who goes on writing.
func (m *rarely) owes(now poller.Time) {
	if m.left > 0 {
		return
	}
	m.left, m.moved = 1, now // how much it is will be looked at
	if p := &m.c.share.policy; p.write > 0 || p.idle > 0 {
		m.wakeBy(now.Add(p.lookEvery()))
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

// lookAgain is when a connection is looked at again of which something is still to be told. That
// it is told moves what was late, so that there is no hurry.
const lookAgain = 3 * lookTick

// wakeBy has review called then, or earlier. 0 is never, and so is the end of time.
func (m *rarely) wakeBy(at poller.Time) {
	if at != 0 && at < poller.Never-lookTick {
		m.wakeAt((at + lookTick - 1) &^ (lookTick - 1))
	}
}

func (m *rarely) wakeAt(at poller.Time) {
	if !m.linger.Armed() || at < m.linger.Due() {
		m.c.lp().SetTimeout(&m.linger, at)
	}
}

// looks is how often within a timeout a peer is looked at that has something to
// take: nobody tells us when it does.
const looks = 4

// lookEvery is the time between looks.
func (p *policy) lookEvery() time.Duration {
	if p.idle == 0 || p.write > 0 && p.write < p.idle {
		return p.write / looks
	}
	return p.idle / looks
}

// outstanding is what the peer has still to take: what it has not acknowledged, or the
// system not taken where the backend cannot tell.
func (c *Conn) outstanding() int { return c.Buffered() + c.unacked() }

// acknowledged grows by what the peer takes; left is what it still has to take.
func (m *rarely) acknowledged() (acked, left int) {
	left = m.c.outstanding()
	return m.written - left, left
}

// follow looks at what the peer has taken since the last look.
func (m *rarely) follow(now poller.Time) {
	acked, left := m.acknowledged()
	moves := acked > m.acked
	switch {
	case moves && (left > 0 || m.slow):
		m.moved = now
	case moves: // all of it, and that is about as long ago as the last of it was sent
		m.moved = max(m.moved, m.sent)
	}
	m.acked, m.left, m.slow = acked, left, left > 0
}

// A bound is a timeout of a connection.
type bound struct {
	op    string
	at    poller.Time   // when it passes; 0 is never
	lifts poller.Events // what would move it, of what can happen to a stream
	once  bool          // it does not move for what comes later
}

// bounds are the timeouts that c has now.
func (m *rarely) bounds() (all [4]bound) {
	c := m.c
	p := &c.share.policy
	reads := !c.is(readEnded)
	if p.read > 0 && reads && !c.is(paused|held|heldByLoop|silent|unready) {
		all[0] = bound{"read", max(m.read, m.reading).Add(p.read), poller.Readable, false}
	}
	if m.deadline != 0 && reads {
		all[1] = bound{"read", m.deadline, poller.Readable, true}
	}
	if c.unready() { // there is LayerTimeout
		return all
	}
	if p.write > 0 && m.left > 0 {
		all[2] = bound{"write", m.moved.Add(p.write), poller.Writable, false}
	}
	if p.idle > 0 {
		all[3] = bound{"idle", max(m.read, m.moved).Add(p.idle), poller.Readable | poller.Writable, false}
	}
	return all
}

// review ends a connection of which a timeout has passed, and else sees when to
// look again.
func (m *rarely) review() {
	c := m.c
	now, next, waits := c.now(), poller.Never, false
	m.follow(now)
	for _, b := range m.bounds() {
		switch {
		case b.at == 0:
		case b.at > now:
			next = min(next, b.at)
		case !m.awaits(b):
			c.expire(b.op)
			return
		default:
			waits = true
		}
	}
	p := &c.share.policy
	switch {
	case waits && !m.polled():
		m.wakeAt(now)
		return
	case waits:
		next = min(next, now.Add(lookAgain))
	default:
		m.late, m.counts = 0, false
		if m.left > 0 && (p.write > 0 || p.idle > 0) {
			next = min(next, now.Add(p.lookEvery()))
		}
	}
	if next != poller.Never {
		m.wakeBy(next)
	}
}

// polled reports whether there was a Poll since a bound was found to have passed. A
// process that was stopped, or a callback that took long, makes us late, and perhaps those
// whom the peer waits for.
func (m *rarely) polled() bool {
	turn := m.c.Loop().Metrics().Turns + 1
	if m.late == 0 {
		m.late = turn
	}
	return m.late != turn
}

// awaits reports whether b, which has passed, is to wait for a Poll: for one in any
// case, and then until all is told that had come in time and may move it, be there so
// much that many Polls are needed.
func (m *rarely) awaits(b bound) bool {
	n, ev := m.c.untold()
	if b.once && !m.counts {
		m.counts, m.awaited = true, n
	}
	switch {
	case !m.polled():
		return true
	case ev&b.lifts == 0:
		return false
	}
	// Of a peer that sends on and on only what was there: and what has no bytes, an end.
	return !b.once || n == 0 || m.awaited > 0
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
	c.lp().BeginClose(c)
	c.leave()
}
