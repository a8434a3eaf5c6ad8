package stream

import (
	"errors"
	"io"
	"syscall"
)

// endRead is the end of the receiving side.
func (c *Conn) endRead(err error) {
	c.marks |= readEnded
	switch {
	case c.life == finished:
	case c.life == lingering:
		c.endLinger(err)
	case c.writes == sendFailed && (err == io.EOF || !errors.Is(c.rare.err, syscall.EPIPE)):
		c.finish() // for the reason that is known
	case err != io.EOF:
		c.abandon(c.fail("read", err))
	case c.life == draining:
	case c.OnEOF == nil:
		c.marks |= endedByPeer
		c.close()
	default:
		c.during(c.OnEOF)
		c.settle()
	}
}

// settle closes a connection that both sides have ended.
func (c *Conn) settle() {
	if c.is(readEnded) && c.writes >= finSent && !c.Closing() {
		if c.keeps() { // for a reader who may be on his way
			c.leaveAlone()
			return
		}
		c.close()
	}
}

// endWrite is the end of the sending side. What has arrived before the
// failure, a server's reason for hanging up say, is still to be read, be it when a pause
// is over; the receiving side will then tell that it ended too.
func (c *Conn) endWrite(err error) {
	if c.life == finished { // told by Finished, with the reason
		return
	}
	c.out.recall()
	gone := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ETIMEDOUT)
	err = c.fail("write", err)
	if !gone || c.is(readEnded) || c.life == draining {
		c.abandon(err)
		return
	}
	c.writes = sendFailed
	c.makeRare().err = c.losing(err)
	c.drop(err)
	c.flush()
	if !c.Closing() {
		c.leaveAlone()
	}
}

// drop lets go of all output.
func (c *Conn) drop(err error) {
	c.debts &^= oweWrite
	if o := c.out; o != nil {
		o.dropped(err, c) // nothing can be written any more
		c.out = nil
		c.conf.put(o)
	}
	c.unhold()
}
