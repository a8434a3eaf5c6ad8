package udp

import (
	"net"
	"net/netip"
)

// A batch is datagrams that are queued, or with the poller. The last two of a
// socket are used again, so that sending allocates nothing.
type batch struct {
	messages []Message
	done     []func(error) // by message; nil for most
	memory   []byte        // of copies; full memory is replaced, not moved
	next     int           // the first message whose end has not been told
	gone     int           // the first that the system has not taken, or refused
	bytes    int           // from there on
	count    int           // datagrams from there on
}

// Sizes of a batch: what its memory begins with, and the most that a socket
// keeps of it for the next one.
const (
	firstMemory   = 4 << 10
	spareMemory   = 1 << 20
	spareMessages = 4 << 10
)

func (b *batch) copy(p []byte) []byte {
	if cap(b.memory)-len(b.memory) < len(p) {
		b.memory = make([]byte, 0, max(firstMemory, 2*cap(b.memory), len(p)))
	}
	at := len(b.memory)
	b.memory = append(b.memory, p...)
	return b.memory[at:len(b.memory):len(b.memory)]
}

func (b *batch) add(m Message, done func(error)) {
	b.messages = append(b.messages, m)
	b.done = append(b.done, done)
	b.bytes += len(m.Data)
	b.count += m.Count()
}

// pass counts n messages as no longer queued.
func (b *batch) pass(n int) {
	for i := range b.messages[b.gone:][:n] {
		m := &b.messages[b.gone+i]
		b.bytes -= len(m.Data)
		b.count -= m.Count()
	}
	b.gone += n
}

// reusable empties b, and reports whether it is worth keeping: one burst must
// not decide how much memory a socket has for good.
func (b *batch) reusable() bool {
	if cap(b.memory) > spareMemory || cap(b.messages) > spareMessages {
		return false
	}
	clear(b.messages)
	clear(b.done)
	*b = batch{messages: b.messages[:0], done: b.done[:0], memory: b.memory[:0]}
	return true
}

// WriteTo queues a copy of p to be sent to a peer, as one datagram and after
// those written before. It never waits; the error is net.ErrClosed after Close. What
// the system says later (a datagram too large, a network that cannot be
// reached) is for OnError.
func (c *Conn) WriteTo(p []byte, to netip.AddrPort) (int, error) {
	c.Loop().Check("udp.Conn.WriteTo")
	if c.Closing() {
		return 0, c.fail("write", to, net.ErrClosed)
	}
	if !to.IsValid() {
		return 0, c.fail("write", to, errInvalid)
	}
	b := c.queue()
	b.add(Message{Data: b.copy(p), Peer: to}, nil)
	return len(p), nil
}

// Write is WriteTo the peer of a connected socket; without one it is
// os.ErrInvalid.
func (c *Conn) Write(p []byte) (int, error) {
	c.Loop().Check("udp.Conn.Write")
	to := c.RemoteAddr()
	switch {
	case c.Closing():
		return 0, c.fail("write", to, net.ErrClosed)
	case !to.IsValid():
		return 0, c.fail("write", to, errInvalid)
	}
	b := c.queue()
	b.add(Message{Data: b.copy(p)}, nil)
	return len(p), nil
}

// WriteBuffer queues p without copying it: it must not change until done is
// called, which is once, from the loop, with nil when the system has taken the
// datagram. A zero address is the peer of a connected socket. A nil done is
// os.ErrInvalid.
func (c *Conn) WriteBuffer(p []byte, to netip.AddrPort, done func(error)) error {
	c.Loop().Check("udp.Conn.WriteBuffer")
	switch {
	case c.Closing():
		return c.fail("write", to, net.ErrClosed)
	case done == nil, !to.IsValid() && !c.RemoteAddr().IsValid():
		return c.fail("write", to, errInvalid)
	}
	c.queue().add(Message{Data: p, Peer: to}, done)
	return nil
}

// Buffered is how many datagrams, and bytes in them, the system has not taken.
func (c *Conn) Buffered() (datagrams, bytes int) {
	c.Loop().Check("udp.Conn.Buffered")
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
			c.filling = new(batch)
		}
	}
	if !c.is(holding) {
		c.state |= holding
		c.Loop().Hold()
	}
	c.schedule()
	return c.filling
}

func (c *Conn) unhold() {
	if c.is(holding) {
		c.state &^= holding
		c.Loop().Release()
	}
}

// schedule has flush called: by the upcall that is on, or by the loop.
func (c *Conn) schedule() {
	if !c.is(inUpcall) {
		c.deferFlush()
	}
}

func (c *Conn) deferFlush() {
	if !c.is(deferred) {
		c.state |= deferred
		c.Loop().Defer((*upcalls)(c))
	}
}

func (u *upcalls) Flush() {
	c := (*Conn)(u)
	c.state &^= deferred
	c.deliver()
	c.flush()
}

// flush sends what is queued.
func (c *Conn) flush() {
	if !c.is(finished) && c.flying == nil && c.filling != nil {
		c.flying, c.filling = c.filling, nil
		if !c.s.Send(c.flying.messages) {
			return // Sent will come
		}
		c.land()
	}
	c.flushed()
}

// land is when the system has taken all of a batch.
func (c *Conn) land() {
	b := c.flying
	c.flying = nil
	c.state |= inUpcall | wrote // done functions may write: not from inside this
	c.end(b, nil)
	c.state &^= inUpcall
	if c.spare == nil && b.reusable() {
		c.spare = b
	}
}

// end tells those who wait for the rest of a batch.
func (c *Conn) end(b *batch, err error) {
	for i := b.next; i < len(b.messages); i++ {
		if done := b.done[i]; done != nil {
			c.tellDone(done, &b.messages[i], err)
		}
	}
}

func (c *Conn) tellDone(done func(error), m *Message, err error) {
	if err != nil {
		err = c.failWrite(m, err)
	}
	if c.Loop().Guarded() {
		defer c.Loop().Recover(c)
	}
	done(err)
}

// failWrite is the error of a datagram; without an address it was for the peer
// that the socket is connected to.
func (c *Conn) failWrite(m *Message, err error) error {
	to, from := m.Peer, c.LocalAddr()
	if !to.IsValid() {
		to = c.RemoteAddr()
	}
	if m.Local.Zone() != "" { // which may be what is wrong
		from = netip.AddrPortFrom(m.Local, from.Port())
	}
	return opError("write", from, to, err)
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
	if b.next < len(b.messages) {
		if !c.s.Send(b.messages[b.next:]) {
			return
		}
	}
	c.land()
	c.flush()
}

// taken tells how the next datagram of a batch ended.
func (c *Conn) taken(b *batch, err error) {
	m, done := b.messages[b.next], b.done[b.next]
	b.next++
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
	case c.filling != nil: // by a done function: not at once, or it could go on for ever
		c.schedule()
		return
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
	if c.Loop().Guarded() {
		defer c.Loop().Recover(c)
	}
	c.OnWrite(c)
}
