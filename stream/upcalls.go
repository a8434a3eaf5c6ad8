package stream

import (
	"io"
	"net"

	"example.com/pike/poller"
)

// upcalls keeps the poller's and the loop's upcalls out of Conn's own methods.
type upcalls Conn

// Connected is when an accepted stream can be used, or one that StartLayer has made. A dialed one
// says it to its attempt.
func (u *upcalls) Connected(err error) {
	c := (*Conn)(u)
	_, layered := c.s.(poller.Layered)
	switch {
	case c.life == shaking:
		c.layered(err)
	case layered || c.Closing(): // by a layer that says it twice, or too late
	case err != nil:
		c.abandon(c.fail("accept", err))
	default:
		c.accept()
	}
}

// accept gives c to OnAccept.
func (c *Conn) accept() {
	ln := c.conf.ln
	if ln.OnAccept == nil { // it was taken away after the connection was accepted
		c.abandon(c.fail("accept", ErrAborted))
		return
	}
	ln.stats.Accepted++
	ln.counted()
	c.during(ln.OnAccept)
	c.begin()
}

// Prefetch has the processor load what the next upcall will touch: both ends of the Conn,
// and the beginnings of its output and its stream if something is queued.
func (u *upcalls) Prefetch() byte {
	sum := byte(u.marks)
	if u.OnRead != nil {
		sum++
	}
	if u.out != nil {
		sum += byte(u.out.flight) + u.out.small[0]
		if s, ok := u.s.(poller.Prefetcher); ok {
			sum += s.Prefetch()
		}
	}
	return sum
}

func (u *upcalls) Received(p []byte, err error) {
	c := (*Conn)(u)
	if err != nil {
		if c.Closing() || c.input() == nil || !c.endUnread(err) { // what is unread comes first
			c.endRead(err)
		}
		return
	}
	c.arrived(len(p))
	if k := c.clock(); k != nil {
		k.received(len(p))
	}
	if c.Closing() {
		c.heard()
		return
	}
	if c.OnRead == nil || c.input() != nil {
		c.receivedMore(p)
		return
	}
	c.deliver(p)
}

// deliver lends p to OnRead. It counts nothing for the timeouts, because what is unread has been
// counted when it arrived.
func (c *Conn) deliver(p []byte) {
	c.marks |= busy | lending
	c.conf.lent = lentOf(p)
	fn := c.OnRead
	if lp := c.lp(); lp.Guarded() { // this is Call, written out because it is not inlined here
		lp.Call(c, func() { fn(c, p) })
	} else {
		fn(c, p)
	}
	if c.conf.lent.left { // before exit, whose flush may have reading go on
		c.keepUnread(fn, p)
	}
	c.exit()
	if c.OnRead == nil {
		c.startRead()
	}
}

// call runs a callback.
func (c *Conn) call(fn func(*Conn)) { c.lp().Call(c, func() { fn(c) }) }

// done tells how a WriteBuffers has ended.
func (c *Conn) done(fn func(error), err error) {
	c.lp().Call(c, func() { fn(err) })
}

func (u *upcalls) Closed() {
	c := (*Conn)(u)
	c.streams--
	c.finishWhenClosed()
}

// finishWhenClosed has the loop make the last callback when nothing is with the poller.
func (c *Conn) finishWhenClosed() {
	if c.streams == 0 && c.Closing() {
		c.lp().EndClose(c, (*upcalls)(c))
	}
}

// Finished makes the last callbacks.
func (u *upcalls) Finished() {
	c := (*Conn)(u)
	if c.rare != nil {
		c.rare.stop()
		if d := c.rare.dialing; d != nil { // the connection was closed before it was made
			c.connected(d.error(net.ErrClosed))
		}
		c.stopLayering()
		c.stopMoving()
	}
	var err error
	if c.out != nil { // else nobody is told the error, and it would take as much memory as the connection
		err = c.lost()
	}
	c.drop(err)
	c.dropInput()
	c.vanish()
	c.forget()
	c.leftListener(false)
	if c.OnClose != nil {
		c.lp().Call(c, func() { c.OnClose(c, c.reason()) })
	}
	c.leftListener(true)
}

// reason is what OnClose is told.
func (c *Conn) reason() error {
	switch {
	case c.rare != nil && c.rare.err != nil:
		return c.rare.err
	case c.is(endedByPeer):
		return io.EOF
	}
	return nil
}

// lost is why output was not sent.
func (c *Conn) lost() error {
	if c.rare != nil && c.rare.err != nil {
		return c.rare.err
	}
	return c.fail("write", net.ErrClosed)
}
