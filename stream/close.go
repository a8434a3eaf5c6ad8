package stream

import (
	"io"
	"net"
	"time"
)

// Close sends what is queued and then closes the connection; OnClose follows.
// Until then what arrives is dropped. Closing again is net.ErrClosed. A connection that is
// still being dialed is given up: the function given to Dial is called with net.ErrClosed.
//
// A peer that takes nothing for Options.DrainTimeout, which is to say that it acknowledges
// nothing, is reset, and the reason is os.ErrDeadlineExceeded.
//
// When all is sent, the connection waits until the peer has acknowledged everything, or has
// ended too. If the peer does neither for DrainTimeout, the reason is os.ErrDeadlineExceeded
// too, although the system goes on trying; a LossError in it says how much the peer may not
// have. Where the system does not tell what was acknowledged, as on Windows, the connection
// waits until the peer has ended, or has been silent for a second.
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

// CloseWithError is Close for a reason of the program's own, as that of io.PipeWriter: OnClose is told err, in
// a *net.OpError with the addresses. If Close fails the reason is why it has failed. An err that
// is nil is none.
func (c *Conn) CloseWithError(err error) error {
	if err := c.lp().Check("stream.Conn.CloseWithError"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("close", net.ErrClosed)
	}
	if err != nil {
		err = c.fail("close", err)
		if c.out != nil && c.life < open || c.plain() > 0 || c.writes == sendFailed { // else what is queued is still sent
			err = c.losing(err)
		}
		c.makeRare().err = err
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
	var end error // that has come already, behind what is unread: the poller will not tell it again
	if in := c.input(); in != nil && in.end != nil {
		end = in.end
		c.marks |= readEnded
	}
	c.dropInput()
	switch {
	case end != nil && end != io.EOF && c.writes != sendFailed && c.is(spoken) && (c.out != nil || c.mayLack()):
		c.abandon(c.fail("close", end)) // as in endLinger
	case c.life == connecting:
		if c.out != nil && c.rare.err == nil {
			c.rare.err = c.losing(c.fail("close", net.ErrClosed))
		}
		c.cancelDial()
	case c.life == shaking:
		if (c.out != nil || c.plain() > 0) && c.rare.err == nil {
			c.rare.err = c.losing(c.fail("close", net.ErrClosed))
		}
		c.closeStream()
	case c.out == nil:
		c.finish()
	default:
		c.drain()
	}
}

// drain waits for the output to be sent. Meanwhile what arrives is read and dropped,
// because a peer that waits for us to read may not read either.
func (c *Conn) drain() {
	c.become(draining)
	c.schedule()
	if !c.is(readEnded) {
		c.s.Start()
	}
	c.watchDrain()
}

// finish ends a connection when the system has all its output.
func (c *Conn) finish() {
	c.lp().BeginClose(c)
	switch {
	case c.life >= lingering:
	case c.mustLinger():
		c.linger()
	default:
		c.closeStream()
	}
}

// closeStream has the poller close the connection.
func (c *Conn) closeStream() {
	if c.life != finished {
		c.become(finished)
		c.s.Close()
		c.bound()
	}
}

// CloseNow closes the connection without waiting for its peer. What the system has taken
// it still sends. What is queued is dropped; the reason is then ErrAborted, with a LossError
// in it. CloseNow may follow Close, to stop waiting. On a connection that is wholly closed it
// is net.ErrClosed.
func (c *Conn) CloseNow() error {
	if err := c.lp().Check("stream.Conn.CloseNow"); err != nil {
		return err
	}
	if c.life == finished {
		return c.fail("close", net.ErrClosed)
	}
	reason := c.lp().Cause()
	if reason == nil && (c.out != nil || c.plain() > 0) && c.life != connecting {
		reason = ErrAborted
	}
	if reason != nil {
		c.makeRare().err = c.losing(c.fail("close", reason))
	}
	if c.life == connecting {
		c.close()
		return nil
	}
	if c.out != nil && c.out.flight > 0 {
		c.out.giveUp(c.s.Unsent())
	}
	c.lp().BeginClose(c)
	c.closeStream()
	return nil
}

// Abort closes the connection at once: what is queued is dropped, and the peer sees a reset
// (RFC 9293, 3.10.5). OnClose follows, with ErrAborted. Abort may follow Close, to stop
// waiting. On a connection that is wholly closed it is net.ErrClosed.
func (c *Conn) Abort() error {
	if err := c.lp().Check("stream.Conn.Abort"); err != nil {
		return err
	}
	if c.life == finished {
		return c.fail("abort", net.ErrClosed)
	}
	err := c.fail("abort", ErrAborted)
	if c.life == connecting {
		c.makeRare().err = c.losing(err)
		c.close()
		return nil
	}
	c.abandon(err)
	return nil
}

// abandon resets the connection, whatever is queued. err is the reason.
func (c *Conn) abandon(err error) {
	c.lp().BeginClose(c)
	if c.life == finished {
		return
	}
	c.makeRare().err = c.losing(err)
	c.become(finished)
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
	if c.life == finished {
		return c.fail("set", net.ErrClosed)
	}
	c.makeRare().drain = drainTimeout(d)
	switch c.life {
	case draining:
		c.watchDrain()
	case lingering: // its looks go on, and find the new bound
		c.rare.closing.until = c.now().Add(c.rare.drain)
	}
	return nil
}
