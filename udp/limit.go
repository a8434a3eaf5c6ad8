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
// [Conn.Buffered]. What one callback writes counts until the callback ends, even if the
// system takes all of it then. Sockets may share one QueueLimit. It must not be changed
// while it is in use.
type QueueLimit struct {
	// Bytes and Datagrams are how many of each may be queued. 0 is no bound. At least one
	// of the two must be more than 0.
	Bytes     int
	Datagrams int

	// Policy is what happens at the write that exceeds them.
	Policy Overflow
}

// An Overflow is what is done about a queue that exceeds its limit. A datagram that is
// dropped is told with ErrQueueLimit: to its done function, or else to OnError. The loop
// calls them, and never from inside the write.
type Overflow uint8

const (
	// Refuse has the write take nothing: its error is ErrQueueLimit.
	Refuse Overflow = iota

	// DropNewest drops what is being written.
	DropNewest

	// DropOldest drops the datagrams that have been queued longest, until there is room.
	// If that is not enough it drops what is being written. It is for data that is worth less
	// the older it is. At most 64 datagrams at a time are being given to the system, and
	// these are not dropped. The done function of a dropped datagram may come before that of
	// an older one.
	DropOldest
)

func (l *QueueLimit) valid() bool {
	return l == nil || l.Bytes >= 0 && l.Datagrams >= 0 && l.Bytes+l.Datagrams > 0 && l.Policy <= DropOldest
}

// inFlight is how many datagrams the poller has at a time under DropOldest.
const inFlight = 64

// A bound is what only a socket with a QueueLimit has.
type bound struct {
	limit *QueueLimit // nil: none any more
	drops []drop      // to be told
}

// A drop is a datagram that was dropped.
type drop struct {
	message Message // without its data
	done    func(error)
}

// SetQueueLimit sets Options.QueueLimit for this socket; nil is none. The next write looks
// at what is queued already.
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

// admit says whether m may be queued. If it may not, and there is no error, m was dropped.
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

// drop has the loop tell that a datagram was dropped.
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
