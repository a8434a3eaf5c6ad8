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
	case c.writes != writing:
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
	if len(p) >= directWrite && c.out == nil && c.life >= open {
		rest = p[c.s.TrySend(p):]
		c.took(len(p) - len(rest))
	}
	c.admit(len(rest))
	c.hold()
	if len(rest) > 0 {
		c.output().copy(rest, c.conf.shared)
		c.count(len(rest))
	} else {
		c.debts |= oweWrite
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
	c.output().keep(bufs, done, c.conf.shared)
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
	c.writes = finDue
	c.hold()
	c.schedule()
	return nil
}

func (c *Conn) output() *output {
	if c.out == nil {
		c.out = c.conf.take(c)
		if k := c.clock(); k != nil {
			k.queued()
		}
	}
	return c.out
}

// hold keeps the loop running until what was written is sent, be the connection
// referenced or not.
func (c *Conn) hold() {
	c.marks |= spoken
	if !c.owes(oweRelease) {
		c.debts |= oweRelease
		c.lp().Hold()
	}
}

func (c *Conn) unhold() {
	if c.owes(oweRelease) {
		c.debts &^= oweRelease
		c.lp().Release()
	}
}
