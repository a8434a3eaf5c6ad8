package stream

import "net"

// Watermarks tell when a connection has much to send, and when that is gone:
// what produces the output can pause in between, which bounds memory without
// watching every Write.
//
// Connections may share one Watermarks, which is why its functions take the
// connection. It must not be changed while it is in use; see
// [Conn.SetWatermarks].
type Watermarks struct {
	// High and Low are in bytes that are queued ([Conn.Buffered]); 0 <= Low < High.
	High, Low int

	// OnHigh is called when High bytes or more are queued, after what the system
	// takes at once was sent: once, and again only after OnLow was due. Nothing is
	// refused: what is written on is queued on.
	OnHigh func(c *Conn)

	// OnLow is called when, after that, no more than Low bytes are queued. It is
	// not called once the connection is closing: whoever paused something in
	// OnHigh lets it go in OnClose as well.
	OnLow func(c *Conn)
}

func (w *Watermarks) valid() bool { return w == nil || 0 <= w.Low && w.Low < w.High }

// SetWatermarks sets Options.Watermarks for this connection; nil is none. If more
// than the new High is queued already, OnHigh follows from the loop. If OnHigh of the
// old ones has been called and its OnLow has not, that of the new ones is, when no
// more than the new Low is queued; with nil it never comes.
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
