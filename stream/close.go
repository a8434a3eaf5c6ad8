package stream

import (
	"net"
	"os"
	"time"
)

// Close sends what is queued and then closes the connection; OnClose follows.
// Until then what arrives is dropped. A peer that takes nothing, acknowledges
// nothing that is, for Options.DrainTimeout is reset, and the reason is
// os.ErrDeadlineExceeded. When all is sent, a connection whose peer is not done
// stays until the peer has acknowledged everything, or has ended too; if it does
// neither for as long, the reason is os.ErrDeadlineExceeded too, although the system
// goes on trying. A LossError in it says how much the peer may not have. Where the
// system does not tell what was acknowledged, as on Windows, it stays until the peer
// has ended, or has been silent for a second. On a
// connection that is still being dialed it gives up: the function given to Dial
// is called with net.ErrClosed. Closing again is net.ErrClosed.
func (c *Conn) Close() error {
	if err := c.lp().Check("stream.Conn.Close"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("close", net.ErrClosed)
	}
	c.close()
	return nil
}

// close begins an orderly end.
func (c *Conn) close() {
	lp := c.lp()
	if !lp.BeginClose(c) {
		return
	}
	switch {
	case c.is(connecting):
		if c.out != nil && c.more.err == nil {
			c.more.err = c.losing(c.fail("close", net.ErrClosed))
		}
		c.cancelDial()
	case c.unready():
		if c.out != nil && c.more.err == nil {
			c.more.err = c.losing(c.fail("close", net.ErrClosed))
		}
		c.leave()
	case c.out == nil:
		c.finish()
	default:
		c.drain()
	}
}

// drain waits for the output to be sent. Reading goes on meanwhile, into
// nothing: a peer that waits for us to read would not read either.
func (c *Conn) drain() {
	c.state |= draining
	c.schedule()
	if !c.is(readEnded) {
		c.s.Start()
	}
	c.watchDrain()
}

// finish ends a connection whose output the system has.
func (c *Conn) finish() {
	c.lp().BeginClose(c)
	switch {
	case c.is(finished | lingering):
	case c.mustLinger():
		c.linger()
	default:
		c.leave()
	}
}

// leave has the poller close the connection.
func (c *Conn) leave() {
	if !c.is(finished) {
		c.state |= finished
		c.s.Close()
		c.bound()
	}
}

// CloseNow closes the connection without waiting for its peer: what the system
// has taken it still sends, what is queued is dropped, and the reason is then
// ErrAborted, in a LossError. It may follow Close, to stop waiting; on a connection that is
// wholly closed it is net.ErrClosed.
func (c *Conn) CloseNow() error {
	if err := c.lp().Check("stream.Conn.CloseNow"); err != nil {
		return err
	}
	if c.is(finished) {
		return c.fail("close", net.ErrClosed)
	}
	reason := c.lp().Cause()
	if reason == nil && c.out != nil && !c.is(connecting) {
		reason = ErrAborted
	}
	if reason != nil {
		c.rare().err = c.losing(c.fail("close", reason))
	}
	if c.is(connecting) {
		c.close()
		return nil
	}
	if c.out != nil && c.out.flight > 0 {
		c.out.giveUp(c.s.Unsent())
	}
	c.lp().BeginClose(c)
	c.leave()
	return nil
}

// Abort closes the connection at once; what is queued is dropped and the peer sees a reset
// (RFC 9293, 3.10.5). OnClose follows, with ErrAborted. It may follow
// Close, to stop waiting; on a connection that is wholly closed it is
// net.ErrClosed.
func (c *Conn) Abort() error {
	if err := c.lp().Check("stream.Conn.Abort"); err != nil {
		return err
	}
	if c.is(finished) {
		return c.fail("abort", net.ErrClosed)
	}
	err := c.fail("abort", ErrAborted)
	if c.is(connecting) {
		c.rare().err = c.losing(err)
		c.close()
		return nil
	}
	c.abandon(err)
	return nil
}

// abandon closes with err as the reason, whatever is queued.
func (c *Conn) abandon(err error) {
	c.lp().BeginClose(c)
	if c.is(finished) {
		return
	}
	c.rare().err = c.losing(err)
	c.state |= finished
	if c.out != nil && c.out.flight > 0 {
		c.out.giveUp(c.s.Unsent())
	}
	c.s.Reset()
}

// SetDrainTimeout sets Options.DrainTimeout for this connection: how long Close
// waits for a peer that acknowledges nothing. As there, 0 is the default and a negative
// value no bound.
func (c *Conn) SetDrainTimeout(d time.Duration) error {
	if err := c.lp().Check("stream.Conn.SetDrainTimeout"); err != nil {
		return err
	}
	if c.is(finished) {
		return c.fail("set", net.ErrClosed)
	}
	c.rare().drain = drainTimeout(d)
	if c.is(draining) {
		c.watchDrain()
	}
	return nil
}

// watchDrain begins to look whether the peer takes what is left.
func (c *Conn) watchDrain() {
	m := c.rare()
	lp := c.lp()
	lp.StopTimeout(&m.linger)
	if m.drain > 0 {
		m.late = 0
		m.unsent, m.moved = c.outstanding(), lp.Poller().Now()
		lp.SetTimeout(&m.linger, m.moved.Add(m.drain/looks))
	}
}

// stalls looks at a draining connection, and resets a peer that takes nothing.
func (m *rarely) stalls() {
	c := m.c
	lp := c.lp()
	now, left := lp.Poller().Now(), c.outstanding()
	if left < m.unsent {
		m.unsent, m.moved, m.late = left, now, 0
	}
	due := m.moved.Add(m.drain)
	if now < due {
		lp.SetTimeout(&m.linger, min(due, now.Add(m.drain/looks)))
		return
	}
	if !m.postpones(now) {
		c.abandon(c.fail("close", os.ErrDeadlineExceeded))
	}
}
