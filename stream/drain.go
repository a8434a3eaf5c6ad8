package stream

// Drain closes the listener when the loop shuts down. Loop.Shutdown calls it, as it is a
// loop.Drainer. Its answer is that there is nothing to wait for.
func (ln *Listener) Drain() (wait bool) {
	if ln.lp().Check("stream.Listener.Drain") != nil {
		return false
	}
	if !ln.Closing() {
		if ln.share != nil {
			ln.share.drain()
		}
		ln.Close()
	}
	return false
}

// Drain tells the connection that the loop shuts down. Loop.Shutdown calls it, as it is a
// loop.Drainer. Listener.OnShutdown is called for a connection that was accepted and is
// open. The answer is that the loop has to wait for the OnClose of the connection. While the
// loop does not shut down Drain does nothing.
func (c *Conn) Drain() (wait bool) {
	if c.lp().Check("stream.Conn.Drain") != nil {
		return false
	}
	if !c.Loop().ShuttingDown() || c.is(busy) {
		return false
	}
	if c.life == shaking && c.rare.layering.fn == nil { // nobody knows of it
		c.CloseNow()
		return true
	}
	if fn := c.onShutdown(); fn != nil && !c.Closing() {
		c.during(fn)
	}
	return true
}
