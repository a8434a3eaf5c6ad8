package udp

import (
	"errors"
	"net"
	"net/netip"
)

// ErrQueueLimit is the error of a datagram that was refused or dropped because too much
// was queued: more than a [QueueLimit] allows.
var ErrQueueLimit = errors.New("queue limit exceeded")

// A QueueLimit bounds what a socket has queued because the system does not take it
// (Options.QueueLimit, [Conn.SetQueueLimit]). There is none by default. What counts is
// [Conn.Buffered]: what one callback writes counts until that ends, though the system
// may take all of it then. Sockets may share one QueueLimit; it must not be changed
// while it is in use.
type QueueLimit struct {
	// Bytes are how many may be queued, Datagrams how many of them; 0 is no bound,
	// and one of the two there must be.
	Bytes     int
	Datagrams int

	// Policy is what happens at the write that exceeds them.
	Policy Overflow
}

// An Overflow is what is done about a queue that exceeds its limit. Who is told of a
// datagram that is dropped is told ErrQueueLimit: its done function, or OnError, from
// the loop and not from inside the write.
type Overflow uint8

const (
	// Refuse has the write take nothing: its error is ErrQueueLimit.
	Refuse Overflow = iota

	// DropNewest drops what is being written.
	DropNewest

	// DropOldest drops what has been queued longest and is not with the system yet,
	// as many as there must be room for, and what is being written only if that is
	// not enough: for what is worth less the older it is. Of the datagrams queued 64
	// at most are being given to the system at a time, which are not dropped. Done
	// functions of dropped ones may come before those of older ones.
	DropOldest
)

func (l *QueueLimit) valid() bool {
	return l == nil || l.Bytes >= 0 && l.Datagrams >= 0 && l.Bytes+l.Datagrams > 0 && l.Policy <= DropOldest
}

// inFlight is how many datagrams the poller has at a time where others may be dropped.
const inFlight = 64

// A bound is what a socket with a QueueLimit has more than others.
type bound struct {
	limit *QueueLimit // nil: none any more
	drops []drop      // to be told
}

// A drop is a datagram that was dropped.
type drop struct {
	message Message // without its data
	done    func(error)
}

// SetQueueLimit sets Options.QueueLimit for this socket; nil is none. What is queued
// already is looked at by the next write.
func (c *Conn) SetQueueLimit(l *QueueLimit) error {
	if err := c.lp().Check("udp.Conn.SetQueueLimit"); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("set", netip.AddrPort{}, net.ErrClosed)
	case !l.valid():
		return c.fail("set", netip.AddrPort{}, errInvalid)
	}
	c.setLimit(l)
	return nil
}

func (c *Conn) setLimit(l *QueueLimit) {
	if c.bound == nil && l != nil {
		c.bound = new(bound)
	}
	if c.bound != nil {
		c.bound.limit = l
	}
}

// exceeds reports whether m is too much.
func (c *Conn) exceeds(l *QueueLimit, m *Message) bool {
	datagrams, bytes := c.buffered()
	return l.Bytes > 0 && bytes+len(m.Data) > l.Bytes || l.Datagrams > 0 && datagrams+m.Count() > l.Datagrams
}

// admit says whether m may be queued. If it may not without an error, it is dropped.
func (c *Conn) admit(m *Message, done func(error)) (ok bool, err error) {
	if c.bound == nil || c.bound.limit == nil {
		return true, nil
	}
	l := c.bound.limit
	if l.Policy == DropOldest {
		for _, b := range []*batch{c.flying, c.filling} {
			for b != nil && b.skip < len(b.messages) && c.exceeds(l, m) {
				c.drop(b.forgo(b == c.flying))
			}
		}
	}
	switch {
	case !c.exceeds(l, m):
		return true, nil
	case l.Policy == Refuse:
		return false, c.fail("write", m.Peer, ErrQueueLimit)
	}
	c.drop(drop{*m, done})
	return false, nil
}

// drop has the end of a datagram told by the loop.
func (c *Conn) drop(d drop) {
	d.message.Data = nil
	c.bound.drops = append(c.bound.drops, d)
	if !c.is(holding) {
		c.state |= holding
		c.lp().Hold()
	}
	c.deferFlush()
}

// tellDrops tells of what was dropped.
func (c *Conn) tellDrops(err error) {
	if c.bound == nil || len(c.bound.drops) == 0 {
		return
	}
	drops := c.bound.drops
	c.bound.drops = nil
	c.state |= inUpcall
	for i := range drops {
		d := &drops[i]
		if d.done != nil {
			c.tellDone(d.done, &d.message, err)
		} else {
			c.tell(c.failWrite(&d.message, err))
		}
	}
	c.state &^= inUpcall
}
