package stream

import "net"

// Watermarks tell when a connection has much to send, and when that is gone. What produces
// the output can pause in between: that bounds memory without watching every Write.
//
// Connections may share one Watermarks, and so its functions take the connection. It must not be
// changed while it is in use; see [Conn.SetWatermarks].
type Watermarks struct {
	// High and Low are in bytes that are queued ([Conn.Buffered]); 0 <= Low < High.
	High, Low int

	// OnHigh is called when High bytes or more are still queued after the system has taken
	// what it takes at once. It is called once, and again only after OnLow was due. Nothing
	// is refused: more may be written, and is queued.
	OnHigh func(c *Conn)

	// OnLow is called when, after that, no more than Low bytes are queued. It is not called
	// once the connection is closing: what OnHigh has paused, OnClose must let go as well.
	OnLow func(c *Conn)
}

func (w *Watermarks) valid() bool { return w == nil || 0 <= w.Low && w.Low < w.High }

// SetWatermarks sets Options.Watermarks for this connection; nil is none. If the new High is
// reached already, OnHigh is called from the loop. If the old OnHigh has been called and the old
// OnLow has not, the new OnLow is called when no more than the new Low is queued; with nil none
// is called.
func (c *Conn) SetWatermarks(w *Watermarks) error {
	if err := c.lp().Check("stream.Conn.SetWatermarks"); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("set", net.ErrClosed)
	case !w.valid():
		return c.fail("set", errInvalid)
	}
	p := c.conf.policy
	p.watermarks = w
	c.configure(p)
	if w == nil {
		c.debts &^= oweLow
	} else {
		c.schedule() // to look at what is queued
	}
	return nil
}

// level looks at how much is queued, and tells. It is a part of flush.
func (c *Conn) level() {
	if c.Closing() {
		return
	}
	if w := c.conf.watermarks; w != nil {
		switch n := c.Buffered(); {
		case !c.owes(oweLow) && n >= w.High:
			c.debts |= oweLow
			c.tell(w.OnHigh)
		case c.owes(oweLow) && n <= w.Low:
			c.debts &^= oweLow
			c.tell(w.OnLow)
		}
	}
	if c.excess != within || c.owes(oweExceeded) {
		c.relieve()
	}
}

// tell makes a callback about the queue, if there is one.
func (c *Conn) tell(fn func(*Conn)) {
	if fn != nil {
		c.call(fn)
	}
}
