package stream

// Drain closes the listener when the loop shuts down: it is for Loop.Shutdown, and
// implements loop.Drainer. Its answer says that there is nothing to wait for.
func (ln *Listener) Drain() (wait bool) {
	if ln.lp().Check("stream.Listener.Drain") != nil {
		return false
	}
	if !ln.Closing() {
		ln.Close()
	}
	return false
}

// Drain tells the connection that the loop shuts down: it is for Loop.Shutdown, and
// implements loop.Drainer. Listener.OnShutdown is called for a connection that was
// accepted and is open. The answer is that it wants to be waited for, until its
// OnClose. While the loop does not shut down Drain does nothing.
func (c *Conn) Drain() (wait bool) {
	if c.lp().Check("stream.Conn.Drain") != nil {
		return false
	}
	if !c.Loop().ShuttingDown() || c.is(inUpcall) {
		return false
	}
	if c.unready() && c.more.layering.fn == nil { // nobody knows of it
		c.CloseNow()
		return true
	}
	if ln := c.share.ln; ln != nil && ln.OnShutdown != nil && !c.Closing() {
		c.enter()
		c.call(ln.OnShutdown)
		c.exit()
	}
	return true
}
