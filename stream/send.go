package stream

// What was written is sent in one place, flush. While a callback runs, or a flush, the
// connection is busy: a write then only asks for a flush. So ten writes of a callback are
// one system call, and no callback runs inside another.

// during runs a callback, and then sends what it has written.
func (c *Conn) during(fn func(*Conn)) {
	c.enter()
	c.call(fn)
	c.exit()
}

// enter and exit are during for callbacks of another form.
func (c *Conn) enter() { c.marks |= busy }

func (c *Conn) exit() {
	c.marks &^= busy | lending
	if c.out != nil || c.owes(oweFlush) {
		c.flush()
	}
}

// schedule asks for a flush: when what keeps the connection busy ends, or from the loop.
func (c *Conn) schedule() {
	switch {
	case c.is(busy):
		c.debts |= oweFlush
	case c.life >= open || c.conf.policy != policy{}: // else nothing can be sent yet, and nobody is to be told
		c.flushLater()
	}
}

// flushLater has the loop call Flush.
func (c *Conn) flushLater() {
	if !c.is(deferred) {
		c.marks |= deferred
		c.lp().Defer((*upcalls)(c))
	}
}

// Flush is the loop's time for what was asked for.
func (u *upcalls) Flush() {
	u.marks &^= deferred
	c := (*Conn)(u)
	c.flush()
	if c.rare != nil {
		c.readUnread()
	}
}

// Sent is when the system has taken what was in flight, or sending has failed.
func (u *upcalls) Sent(err error) {
	c := (*Conn)(u)
	if err != nil {
		c.endWrite(err)
		return
	}
	c.progressed()
	c.enter()
	if k := c.out.file(); k != nil {
		k.landed(c.out)
	} else {
		c.out.landed(nil, c)
	}
	c.debts |= oweWrite
	c.flush()
}

// flush sends once, does what follows when all is sent, and tells how much is left. What its
// callbacks write, and what one send does not take, is left for a later flush from the loop, so
// that other connections come first.
func (c *Conn) flush() {
	c.enter()
	c.debts &^= oweFlush
	if c.life >= open && c.life != finished {
		switch c.send() {
		case sentAll:
			c.drained()
		case sentSome:
			c.debts |= oweFlush
		}
	}
	if c.conf.watermarks != nil || c.excess != within || c.owes(oweExceeded) {
		c.level()
	}
	c.marks &^= busy
	if c.owes(oweFlush) {
		c.debts &^= oweFlush
		c.flushLater()
	}
}

// A sent is how far a send has come.
type sent uint8

const (
	sentAll  sent = iota // nothing is queued any more
	sentSome             // more is queued, and may be sent
	sentOff              // somebody else goes on: Sent, or Finished if a callback has closed the connection
)

// send sends what is queued, and calls back for it. It sends once, because several sends in a
// row were slower where many connections write without end (docs/performance.md).
func (c *Conn) send() sent {
	o := c.out
	switch {
	case o == nil:
		return sentAll
	case o.flight > 0:
		return sentOff
	case o.only > 0:
		if !c.sendSmall(o) {
			return sentOff
		}
	case !o.empty():
		if k := o.file(); k != nil {
			if s := c.sendFile(o, k); s != sentAll {
				return s
			}
			o.flight = 1
		} else if !c.give(o.launch()) {
			return sentOff
		}
		c.progressed()
		o.landed(nil, c)
		c.debts |= oweWrite
		if c.life == finished {
			return sentOff
		}
		if !o.empty() {
			return sentSome
		}
	}
	c.out = nil
	c.conf.put(o)
	return sentAll
}

// sendSmall sends an output of which all there is is in small, and reports whether the system
// has it.
func (c *Conn) sendSmall(o *output) bool {
	n := int(o.only)
	o.one[0] = o.small[:n]
	if !c.s.Send(o.one[:]) {
		o.line()
		o.flight, o.queued = 1, 0
		return false
	}
	o.only, o.queued = 0, 0
	c.progressed()
	c.tookOver(n)
	c.uncount(o, n)
	c.debts |= oweWrite
	return true
}

// drained is when the system has all that was written.
func (c *Conn) drained() {
	if c.owes(oweWrite) {
		c.debts &^= oweWrite
		if c.OnWrite != nil && c.life == open {
			c.call(c.OnWrite)
			if c.out != nil || c.owes(oweWrite) || c.life == shaking { // it wrote more, or it has started a layer
				return
			}
		}
	}
	c.unhold()
	switch {
	case c.life == finished:
	case c.life == draining:
		c.finish()
	default:
		c.sendEnd()
		c.settle()
	}
}

// sendEnd tells the peer that this side has ended, if that is due.
func (c *Conn) sendEnd() {
	if c.writes == finDue {
		c.writes = finSent
		if c.s.Shutdown(); !c.is(readEnded) && c.indivisible() { // it was asked for before there was a connection
			c.close()
		}
	}
}

// sendNow is for NetConn. It gives the system what that takes at once of what is queued, and the
// end that was to follow. It reports whether that is all. Callbacks come later.
func (c *Conn) sendNow() bool {
	if o := c.out; o != nil {
		if o.flight > 0 || o.files > 0 || !o.sendNow(c) {
			return false
		}
		if o.empty() { // it stays until flush, because NetConn may be called by landed
			c.debts |= oweWrite
		}
	}
	c.sendEnd()
	return true
}

// sendNow sends what is queued as far as the system takes it. Buffers that are sent stay in the
// queue, empty, because somebody may have to be told of them.
func (o *output) sendNow(c *Conn) bool {
	if o.only > 0 {
		n := c.s.TrySend(o.small[:o.only])
		o.only = int32(copy(o.small[:], o.small[n:o.only]))
		o.took(c, n)
		return o.only == 0
	}
	for i := o.head; i < len(o.bufs); i++ {
		b := o.bufs[i]
		if len(b) == 0 {
			continue
		}
		if o.carries(i) {
			return false
		}
		n := c.s.TrySend(b)
		o.bufs[i] = b[n:]
		if o.took(c, n); n < len(b) {
			return false
		}
	}
	o.taken = int32(len(o.bufs) - o.head) // so that dropped tells that they were sent
	return true
}

// took notes that the system has n bytes that were queued.
func (o *output) took(c *Conn, n int) {
	o.queued -= n
	c.tookOver(n)
	c.uncount(o, n)
	if n > 0 {
		c.progressed()
	}
}
