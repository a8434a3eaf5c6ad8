package stream

import (
	"net"
	"syscall"
	"unsafe"
)

// writable is why nothing can be written, or nil.
func (c *Conn) writable() error {
	switch {
	case c.Closing():
		return net.ErrClosed
	case c.is(writeEnded):
		return syscall.EPIPE
	}
	return nil
}

// Write queues p to be sent, after what was written before; it keeps nothing of
// p. It never waits and always takes all of p or nothing: the error is
// net.ErrClosed after Close and syscall.EPIPE after CloseWrite, or once sending has
// failed and what the peer sent before that is still being read. What goes wrong
// later is the reason of OnClose. Before a dialed connection is made it queues. Where a
// [QueueLimit] disconnects, the Write that exceeds it is ErrQueueLimit, and the end of the
// connection.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.lp().Check("stream.Conn.Write"); err != nil {
		return 0, err
	}
	if err := c.writable(); err != nil {
		return 0, c.fail("write", err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.refuse(len(p)); err != nil { // before any of it is sent
		return 0, err
	}
	rest := p
	if len(p) >= directWrite && c.out == nil && !c.is(connecting|unready) {
		rest = p[c.s.TrySend(p):]
		c.took(len(p) - len(rest))
	}
	c.admit(len(rest))
	c.hold()
	if len(rest) > 0 {
		c.output().copy(rest, c.share.shared)
		c.count(len(rest))
	} else {
		c.state |= wrote
	}
	c.schedule()
	return len(p), nil
}

// WriteString is Write of a string, which is not copied on the way.
func (c *Conn) WriteString(s string) (int, error) {
	return c.Write(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// WriteBuffers queues bufs without copying them, but for small ones: they, not the slice that holds them, must not
// change until done is called, which is once, from the loop, and in the order of
// the writes: with nil when the system has taken all of them, or else with the reason why not,
// which does not say that none were taken. A nil done is allowed. Errors are those
// of Write, and of no buffers at all (os.ErrInvalid); done is then not called.
func (c *Conn) WriteBuffers(bufs [][]byte, done func(error)) error {
	if err := c.lp().Check("stream.Conn.WriteBuffers"); err != nil {
		return err
	}
	err := c.writable()
	if err == nil && len(bufs) == 0 {
		err = errInvalid
	}
	if err != nil {
		return c.fail("write", err)
	}
	n := 0
	for _, b := range bufs {
		n += len(b)
	}
	if err := c.refuse(n); err != nil {
		return err
	}
	c.admit(n)
	c.hold()
	c.output().keep(bufs, done, c.share.shared)
	c.count(n)
	c.schedule()
	return nil
}

// Buffered is how many bytes written the system has not taken yet.
func (c *Conn) Buffered() int {
	if c.lp().Check("stream.Conn.Buffered") != nil {
		return 0
	}
	if c.out == nil {
		return 0
	}
	n := c.out.queued
	if c.out.flight > 0 {
		n += c.s.Unsent()
	}
	return n
}

// CloseWrite ends this side once what was written is sent: the peer reads EOF.
// Reading goes on. Writing after it is syscall.EPIPE, and so is CloseWrite.
func (c *Conn) CloseWrite() error {
	if err := c.lp().Check("stream.Conn.CloseWrite"); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return c.fail("close write", err)
	}
	c.state |= writeEnded
	c.hold()
	c.schedule()
	return nil
}

func (c *Conn) output() *output {
	if c.out == nil {
		c.out = c.share.take(c)
		if c.is(timed) {
			c.more.queued()
		}
	}
	return c.out
}

// hold keeps the loop running until what was written is sent, be the connection
// referenced or not.
func (c *Conn) hold() {
	c.state |= spoken
	if !c.is(holding) {
		c.state |= holding
		c.lp().Hold()
	}
}

func (c *Conn) unhold() {
	if c.is(holding) {
		c.state &^= holding
		c.lp().Release()
	}
}

// schedule has flush called: by the upcall that is on, or by the loop.
func (c *Conn) schedule() {
	if c.state&(inUpcall|deferred) == 0 && !(c.is(connecting) && c.share.policy == policy{}) {
		c.state |= deferred
		c.lp().Defer((*upcalls)(c))
	}
}

func (u *upcalls) Flush() {
	u.state &^= deferred
	c := (*Conn)(u)
	c.flush()
	if c.more != nil {
		c.readUnread()
	}
}

// flush sends what is queued, does what was to follow that, and looks at how
// much is left.
func (c *Conn) flush() {
	c.send()
	if c.share.marks != nil || c.is(over|owed|owedByLoop) {
		c.level()
	}
}

func (c *Conn) send() {
	if c.is(connecting | unready | inUpcall | finished) {
		return
	}
	if o := c.out; o != nil {
		if o.flight > 0 { // Sent will come
			return
		}
		if !c.sendOutput(o) {
			return
		}
		c.out = nil
		c.share.put(o)
	}
	c.flushed()
}

// sendOutput sends all that is queued, and reports whether the system has it and
// nothing more is to be done.
func (c *Conn) sendOutput(o *output) bool {
	if o.only > 0 {
		return c.sendOnly(o)
	}
	return c.sendLine(o)
}

// sendOnly is sendOutput where all there is is in small.
func (c *Conn) sendOnly(o *output) bool {
	n := int(o.only)
	o.one[0] = o.small[:n]
	if !c.s.Send(o.one[:]) {
		o.line()
		o.flight, o.queued = 1, 0
		return false
	}
	o.only, o.queued = 0, 0
	c.progressed()
	c.uncount(o, n)
	c.state |= wrote
	return true
}

// sendLine is sendOutput of a queue. It sends once, and then it is the turn of others: several
// sends in a row were slower where many connections write without end (docs/performance.md).
func (c *Conn) sendLine(o *output) bool {
	if o.empty() {
		return true
	}
	if !c.s.Send(o.launch()) {
		return false
	}
	c.progressed()
	c.enter() // done callbacks may write: not from inside this
	o.landed(nil, c)
	c.state = c.state&^inUpcall | wrote
	if c.is(finished) {
		return false
	}
	if !o.empty() {
		c.schedule()
		return false
	}
	return true
}

// flushed is when nothing is queued any more.
func (c *Conn) flushed() {
	if c.is(wrote) {
		c.state &^= wrote
		if c.OnWrite != nil && !c.Closing() {
			c.enter()
			c.call(c.OnWrite)
			c.state &^= inUpcall
			if c.out != nil || c.is(wrote) { // it wrote more: as a user of its own turn
				c.schedule()
				return
			}
		}
	}
	c.unhold()
	if c.is(finished) {
		return
	}
	if c.is(draining) {
		c.finish()
		return
	}
	if c.is(writeEnded) && !c.is(finSent) {
		c.state |= finSent
		c.s.Shutdown()
	}
	c.settle()
}
