package udp

import (
	"net"
	"net/netip"

	"example.com/pike/internal/netop"
	"example.com/pike/poller"
)

// WriteTo queues a copy of p, to be sent to a peer as one datagram after those
// written before. It never waits. After Close the error is net.ErrClosed. What the
// system says later is for OnError: a datagram is too large, or a network cannot be
// reached.
func (c *Conn) WriteTo(p []byte, to netip.AddrPort) (int, error) {
	if err := c.lp().Check("udp.Conn.WriteTo"); err != nil {
		return 0, err
	}
	if c.Closing() {
		return 0, c.fail("write", to, net.ErrClosed)
	}
	if !to.IsValid() {
		return 0, c.fail("write", to, errInvalid)
	}
	return c.write(p, to)
}

// write queues a copy of a datagram.
func (c *Conn) write(p []byte, to netip.AddrPort) (int, error) {
	m := Message{Data: p, Peer: to}
	if ok, err := c.admit(&m, nil); !ok {
		if err != nil {
			return 0, err
		}
		return len(p), nil
	}
	b := c.queue()
	m.Data = b.copy(c.Loop(), p)
	b.add(m, nil)
	return len(p), nil
}

// Write is WriteTo the peer of a connected socket; without one it is
// os.ErrInvalid.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.lp().Check("udp.Conn.Write"); err != nil {
		return 0, err
	}
	to := c.RemoteAddr()
	switch {
	case c.Closing():
		return 0, c.fail("write", to, net.ErrClosed)
	case !to.IsValid():
		return 0, c.fail("write", to, errInvalid)
	}
	return c.write(p, netip.AddrPort{})
}

// WriteBuffer queues p without copying it. p must not change until done is called.
// The loop calls done once: with nil when the system has taken the datagram, or with the
// error. A zero address is the peer of a connected socket. A nil done is os.ErrInvalid.
func (c *Conn) WriteBuffer(p []byte, to netip.AddrPort, done func(error)) error {
	if err := c.lp().Check("udp.Conn.WriteBuffer"); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("write", to, net.ErrClosed)
	case done == nil, !to.IsValid() && !c.RemoteAddr().IsValid():
		return c.fail("write", to, errInvalid)
	}
	m := Message{Data: p, Peer: to}
	if ok, err := c.admit(&m, done); !ok {
		return err
	}
	c.queue().add(m, done)
	return nil
}

// Buffered is how many datagrams the system has not taken, and how many bytes they have.
func (c *Conn) Buffered() (datagrams, bytes int) {
	if c.lp().Check("udp.Conn.Buffered") != nil {
		return 0, 0
	}
	return c.buffered()
}

func (c *Conn) buffered() (datagrams, bytes int) {
	for _, b := range []*batch{c.flying, c.filling} {
		if b != nil {
			datagrams += b.count
			bytes += b.bytes
		}
	}
	return datagrams, bytes
}

// queue is the batch to add to, which will be sent.
func (c *Conn) queue() *batch {
	if c.filling == nil {
		if c.filling, c.spare = c.spare, nil; c.filling == nil {
			if c.filling = storeOf(c.Loop()).take(); c.filling == nil {
				c.filling = new(batch)
			}
		}
	}
	if !c.is(holding) {
		c.state |= holding
		c.lp().Hold()
	}
	c.schedule()
	return c.filling
}

func (c *Conn) unhold() {
	if c.is(holding) {
		c.state &^= holding
		c.lp().Release()
	}
}

// schedule has flush called, by the upcall that is under way or else by the loop.
func (c *Conn) schedule() {
	if !c.is(inUpcall) {
		c.deferFlush()
	}
}

func (c *Conn) deferFlush() {
	if !c.is(deferred) {
		c.state |= deferred
		c.lp().Defer((*upcalls)(c))
	}
}

func (u *upcalls) Flush() {
	c := (*Conn)(u)
	c.state &^= deferred
	c.deliver()
	if !c.is(finished) {
		c.tellDrops(ErrQueueLimit)
	}
	c.flush()
}

// flush sends what is queued.
func (c *Conn) flush() {
	c.flushQueue()
	c.countQueued()
}

func (c *Conn) flushQueue() {
	if !c.is(finished) && c.flying == nil && c.filling != nil {
		c.flying, c.filling = c.filling, nil
		if !c.launch(c.flying) {
			return // Sent will come
		}
		c.land()
	}
	c.flushed()
}

// launch gives the poller what is left of a batch, and reports whether the system has
// taken all of it.
func (c *Conn) launch(b *batch) bool {
	most := len(b.messages)
	if c.bound != nil && c.bound.limit != nil && c.bound.limit.Policy == DropOldest {
		most = inFlight
	}
	for !b.over() {
		ms := b.rest(most)
		if len(ms) > 0 && !c.s.Send(ms) {
			c.tellTaken(b)
			return false
		}
		b.gone = b.with // land tells, and counts them no more
		if b.skip > b.with {
			c.tellTaken(b)
		}
		if c.is(finished) {
			return false // the rest is told by Finished
		}
	}
	return true
}

// tellTaken tells of what the system has taken while it has no room for more.
func (c *Conn) tellTaken(b *batch) {
	for i := b.next; i < b.gone; i++ {
		b.uncount(&b.messages[i])
	}
	c.state |= inUpcall
	for b.next < b.gone {
		c.taken(b, nil)
	}
	c.state &^= inUpcall
}

// land is when the system has taken all of a batch.
func (c *Conn) land() {
	b := c.flying
	c.flying = nil
	c.state |= inUpcall | wrote // done functions may write: not from inside this
	c.end(b, nil)
	c.state &^= inUpcall
	c.recycle(b)
}

// end tells those who wait for the rest of a batch.
func (c *Conn) end(b *batch, err error) {
	for i := b.next; i < len(b.messages); i++ {
		if err == nil {
			c.sent(&b.messages[i])
		}
		if done := b.done[i]; done != nil {
			c.tellDone(done, &b.messages[i], err)
		}
	}
}

func (c *Conn) tellDone(done func(error), m *Message, err error) {
	if err != nil {
		err = c.failWrite(m, err)
	}
	c.lp().Call(c, func() { done(err) })
}

// failWrite is the error of a datagram. A datagram without an address was for the peer that
// the socket is connected to.
func (c *Conn) failWrite(m *Message, err error) error {
	to, from := m.Peer, c.LocalAddr()
	if !to.IsValid() {
		to = c.RemoteAddr()
	}
	if m.Local.Zone() != "" { // which may be what is wrong
		from = netip.AddrPortFrom(m.Local, from.Port())
	}
	return netop.Error("write", network, poller.AddrOf(from), poller.AddrOf(to), err)
}

// Sent goes on after a wait, or after a datagram that the system refused.
func (u *upcalls) Sent(n int, err error) {
	c := (*Conn)(u)
	b := c.flying
	b.pass(n)
	c.state |= inUpcall
	for range n {
		c.taken(b, nil)
	}
	if err != nil && !c.is(finished) {
		b.pass(1)
		c.taken(b, err)
	}
	c.state &^= inUpcall
	if c.is(finished) {
		return // the rest is told by Finished
	}
	b.shrink()
	if !c.launch(b) {
		c.countQueued()
		return
	}
	c.land()
	c.flush()
}

// taken tells how the next datagram of a batch ended, and lets go of it.
func (c *Conn) taken(b *batch, err error) {
	m, done := b.messages[b.next], b.done[b.next]
	if err == nil {
		c.sent(&m)
	}
	b.messages[b.next], b.done[b.next] = Message{}, nil
	b.next++
	m.Data = nil
	switch {
	case done != nil:
		c.tellDone(done, &m, err)
	case err != nil:
		c.tell(c.failWrite(&m, err))
	}
}

// flushed is when nothing is queued any more.
func (c *Conn) flushed() {
	switch {
	case c.flying != nil, c.is(finished):
		return
	case c.filling != nil: // a done function wrote; it waits its turn, or this could go on for ever
		c.schedule()
		return
	case c.bound != nil && len(c.bound.drops) > 0:
		return // Flush will come
	}
	c.unhold()
	if c.is(wrote) {
		c.state &^= wrote
		if c.OnWrite != nil && !c.Closing() {
			c.state |= inUpcall
			c.written()
			c.state &^= inUpcall
			if c.filling != nil {
				c.schedule()
				return
			}
		}
	}
	if c.is(draining) {
		c.finish()
	}
}

func (c *Conn) written() {
	c.lp().Call(c, func() { c.OnWrite(c) })
}
