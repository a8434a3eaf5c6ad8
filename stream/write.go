package stream

import (
	"errors"
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

// Write queues p to be sent, after what was written before. It keeps nothing of p, never
// waits, and takes all of p or nothing. Before a dialed connection is made it queues.
//
// The error is net.ErrClosed after Close. It is syscall.EPIPE after CloseWrite, and where sending
// has failed while what the peer sent before that is still being read. Where a [QueueLimit]
// disconnects, the Write that exceeds it is ErrQueueLimit, and the end of the connection. What
// goes wrong later is the reason of OnClose.
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
	if err := c.refuse(len(p)); err != nil { // this comes before any of p is sent
		return 0, err
	}
	c.tally().Stream.MessagesOut++
	rest := p
	if len(p) >= directWrite && c.out == nil && c.life >= open {
		rest = p[c.s.TrySend(p):]
		c.tookOver(len(p) - len(rest))
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

// WriteBuffers queues bufs. Small ones are copied; the others are not, so that no buffer may
// change until done is called. The slice that holds them may.
//
// done is called once, from the loop, in the order of the writes: with nil when the system has
// taken all of bufs, or with the reason why it has not, and then it may have taken some. done may
// be nil. Errors are those of Write, and os.ErrInvalid where there are no buffers at all; done is
// then not called.
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
	c.tally().Stream.MessagesOut++
	c.admit(n)
	c.hold()
	c.output().keep(bufs, done, c.conf.shared)
	c.count(n)
	c.schedule()
	return nil
}

// Buffered is how many bytes written the system has not taken yet. What is in a file does not count
// ([Conn.SendFile]), but for what has been read of it.
func (c *Conn) Buffered() int {
	if c.lp().Check("stream.Conn.Buffered") != nil {
		return 0
	}
	n := c.plain()
	if c.out == nil {
		return n
	}
	n += c.out.queued
	if c.out.flight > 0 {
		n += c.s.Unsent()
	}
	return n
}

// CloseWrite ends this side when all that was written is sent: the peer reads EOF. Reading
// goes on. Write and CloseWrite are syscall.EPIPE from then on. A connection whose sides end
// together (package pipe, Windows) answers errors.ErrUnsupported until the peer has ended.
func (c *Conn) CloseWrite() error {
	if err := c.lp().Check("stream.Conn.CloseWrite"); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return c.fail("close write", err)
	}
	if !c.is(readEnded) && c.indivisible() {
		return c.fail("close write", errors.ErrUnsupported)
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

// hold keeps the loop running until what was written is sent, whether the connection is
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
