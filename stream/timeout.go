package stream

import (
	"net"
	"time"

	"example.com/pike/poller"
)

// SetIdleTimeout sets Options.IdleTimeout for this connection: it ends when nothing has been
// received for d, and the peer has taken nothing, whether reading is paused or not. 0, or less, is
// no bound.
//
// The peer has taken what it has acknowledged. So a peer that has vanished is idle, however much is
// written to it. What it has acknowledged is looked at four times within d, so that the timeout may
// be a quarter longer. Windows, OpenBSD and DragonFly do not tell what was acknowledged. There the
// peer has taken what the system has, and one that has vanished is found out when the system gives
// it up.
//
// A timeout ends the connection at once, or some milliseconds after it has passed, so that those of
// many connections are looked at together. It is a word about the peer: if the loop itself was late,
// all that had arrived by then is looked at first. The reason of OnClose is an
// os.ErrDeadlineExceeded, whose *net.OpError has the operation "idle", "read" or "write". A peer
// that has taken everything sees an orderly end, any other a reset. While a connection is being
// dialed or closed its timeouts rest: there are Options.Timeout and Options.DrainTimeout.
func (c *Conn) SetIdleTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetIdleTimeout", func(p *policy) { p.idle = max(d, 0) })
}

// SetReadTimeout sets Options.ReadTimeout for this connection: it ends when it has received
// nothing for d. Time in which reading is paused, or there is no OnRead, does not count: d begins
// anew when reading goes on. After the peer's end there is no such bound any more. 0, or less, is
// no bound.
//
// It is no help against a peer that sends a byte now and then: see [Conn.SetReadDeadline].
func (c *Conn) SetReadTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetReadTimeout", func(p *policy) { p.read = max(d, 0) })
}

// SetWriteTimeout sets Options.WriteTimeout for this connection: it ends when the peer has
// something to take and has taken nothing for d. 0, or less, is no bound.
//
// The peer has to take what it has not acknowledged, whether that is queued ([Conn.Buffered]) or
// with the system, and it takes what it acknowledges, as far as the backend can tell (see
// [Conn.SetIdleTimeout]). So a slow reader who goes on reading is left alone, and one that has
// vanished is not. d has to be longer than an acknowledgement takes after a packet was lost. The
// peer is looked at four times within d, so that the timeout may be a quarter longer.
func (c *Conn) SetWriteTimeout(d time.Duration) error {
	return c.setTimeout("stream.Conn.SetWriteTimeout", func(p *policy) { p.write = max(d, 0) })
}

// SetReadDeadline ends the connection d from now, whatever is received until then. It bounds a
// whole request, a login or a handshake, against peers that send it a byte at a time. Calling it
// again moves the deadline, nearer or further away, and costs next to nothing. 0, or less, lifts
// it, and so does the peer's end. The reason is as for SetReadTimeout.
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
