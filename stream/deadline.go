package stream

import (
	"net"
	"time"

	"example.com/pike/poller"
)

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
	var at poller.Time
	if d > 0 {
		at = c.now().Add(d)
	}
	switch k := c.clock(); {
	case c.life == connecting: // connected will see it
		c.rare.dialing.deadline = at
	case k != nil:
		k.expect(at)
	case at != 0:
		c.startClock().expect(at)
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
	p := c.conf.policy
	set(&p)
	c.configure(p)
	switch k := c.clock(); {
	case c.life == connecting: // begin will see it
	case k != nil:
		k.review()
	case c.conf.timeouts():
		c.startClock()
	}
	return nil
}

// timeouts reports whether the policy has any.
func (p *policy) timeouts() bool { return p.idle|p.read|p.write != 0 }
