package stream

import (
	"errors"
	"io"
	"syscall"
)

// endRead is when nothing more will be received: the peer has ended, which is io.EOF, or
// receiving has failed.
func (c *Conn) endRead(err error) {
	c.marks |= readEnded
	switch {
	case c.life == finished:
	case c.life == shaking: // it was kept, and OnRead has started a layer on what was before it
		c.layered(err)
	case c.life == lingering:
		c.endLinger(err)
	case c.writes == sendFailed && (err == io.EOF || !errors.Is(c.rare.err, syscall.EPIPE)):
		c.finish() // the reason is known already
	case errors.Is(err, syscall.EPIPE): // only a pipe has it told so: nobody reads it any more
		c.abandon(c.fail("write", err))
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
		if c.input() != nil { // something is unread, and a reader may still come
			c.leaveAlone()
			return
		}
		c.close()
	}
}

// endWrite is when sending has failed. What arrived before that, a server's reason for hanging
// up say, is still read, if reading is paused then later. After that the receiving side tells
// that it has ended too.
func (c *Conn) endWrite(err error) {
	if c.life == finished { // Finished will tell it, with the reason
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
		o.dropped(err, c) // its callbacks cannot write anything any more
		c.out = nil
		c.conf.put(o)
	}
	c.unhold()
}
