package udp

import (
	"net"
	"net/netip"

	"example.com/pike/poller"
)

// A Message is a datagram, or a run of datagrams, with who it is from or for and
// what its IP header says.
type Message = poller.Message

// Control is what the IP header says of a Message: the local address, the
// interface, the traffic class.
type Control = poller.Control

// The ECN codepoints, which are the low two bits of Control.TrafficClass (RFC 3168, 5).
// NotECT is for a sender that is not capable of ECN. A capable sender marks its datagrams
// with ECT0 or ECT1. A congested router makes CE of these.
const (
	NotECT = 0
	ECT1   = 1
	ECT0   = 2
	CE     = 3
)

// WriteMessage queues a copy of m. It is WriteTo with a Control, and with a run of
// datagrams at once. A zero Peer is the peer of a connected socket. If only a part of a run
// could be sent, OnError is told once, with the error that ended the run.
//
// A Message that was received can be sent back as it is, from the address and interface
// that it came to. Its TrafficClass goes back too, so clear it if that is not meant.
func (c *Conn) WriteMessage(m Message) error {
	if err := c.lp().Check("udp.Conn.WriteMessage"); err != nil {
		return err
	}
	if err := c.refuse(&m); err != nil {
		return err
	}
	ok, err := c.admit(&m, nil)
	if ok {
		b := c.queue()
		m.Data = b.copy(c.Loop(), m.Data)
		b.add(m, nil)
	}
	return err
}

// WriteBatch is WriteMessage for each of ms. It returns how many were queued. With an
// error ms[n] is the message that was refused, and those behind it were not looked at.
func (c *Conn) WriteBatch(ms []Message) (n int, err error) {
	if err := c.lp().Check("udp.Conn.WriteBatch"); err != nil {
		return 0, err
	}
	if c.Closing() { // also with nothing to write
		return 0, c.fail("write", netip.AddrPort{}, net.ErrClosed)
	}
	for i := range ms {
		if err := c.refuse(&ms[i]); err != nil {
			return i, err
		}
		m := ms[i]
		switch ok, err := c.admit(&m, nil); {
		case err != nil:
			return i, err
		case ok:
			b := c.queue()
			m.Data = b.copy(c.Loop(), m.Data)
			b.add(m, nil)
		}
	}
	return len(ms), nil
}

// WriteBuffers is WriteBatch without copying. The data of ms must not change until
// done is called; ms itself is free at once. done is called for each message that was
// queued, in order, as for WriteBuffer. A nil done is os.ErrInvalid.
func (c *Conn) WriteBuffers(ms []Message, done func(error)) (n int, err error) {
	if err := c.lp().Check("udp.Conn.WriteBuffers"); err != nil {
		return 0, err
	}
	switch {
	case c.Closing():
		return 0, c.fail("write", netip.AddrPort{}, net.ErrClosed)
	case done == nil:
		return 0, c.fail("write", netip.AddrPort{}, errInvalid)
	}
	for i := range ms {
		if err := c.refuse(&ms[i]); err != nil {
			return i, err
		}
		m := ms[i]
		switch ok, err := c.admit(&m, done); {
		case err != nil:
			return i, err
		case ok:
			c.queue().add(m, done)
		}
	}
	return len(ms), nil
}

// refuse says why m cannot be queued.
func (c *Conn) refuse(m *Message) error {
	switch {
	case c.Closing():
		return c.fail("write", m.Peer, net.ErrClosed)
	case m.Segment < 0, m.Interface < 0, !m.Peer.IsValid() && !c.RemoteAddr().IsValid():
		return c.fail("write", m.Peer, errInvalid)
	}
	return nil
}
