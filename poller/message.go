package poller

import (
	"iter"
	"net/netip"
)

// A Message is a datagram, or a run of datagrams, and who it is from or for.
type Message struct {
	Data []byte
	Peer netip.AddrPort

	// Segment is 0 if Data is one datagram. Otherwise Data is a run of datagrams,
	// one behind the other, of Segment bytes each; the last may be shorter.
	// Received gives runs to those who asked for them (Options.RecvSegments), at
	// most 64 KiB at once. Send takes runs of any length on every backend; the
	// system cuts them where it can, and the backend elsewhere.
	Segment int

	Control
}

// Control is what the IP header of a datagram says, besides Peer. Of a received
// Message each field is zero unless an Option asked for it; of a sent one each
// zero field is left to the socket, whose own settings then decide.
type Control struct {
	// Local is the address that a received datagram was sent to, or the address
	// to send from, which must be one of this machine. Nobody can send from a group or a
	// broadcast address. If Local is one, as in a Control that was received, the system
	// chooses the source: what came by Interface is answered from there. A received
	// Local has no zone: Interface says which link a link-local address is on. A Local to
	// send from may have a zone. It must name Interface, or stands for it if that is 0.
	Local netip.Addr

	// Interface is the index of the interface that a datagram came by, or is to
	// leave by.
	Interface int

	// TrafficClass is the former TOS byte: six bits of DSCP (RFC 2474) and two of
	// ECN (RFC 3168). A class of 0 cannot be sent where the socket has another.
	TrafficClass uint8

	// many is Local if that is a broadcast address of IPv4. Only the system knows that of an
	// address, and tells it with what was received.
	many [4]byte
}

// Source is the address to send from, for backends; none is the system's choice.
func (c *Control) Source() netip.Addr {
	ip := c.Local.Unmap().WithZone("")
	if ip.IsMulticast() || ip.Is4() && (ip.As4() == c.many || ip == limitedBroadcast) {
		return netip.Addr{}
	}
	return ip
}

// MarkBroadcast says that Local, which a datagram was sent to, is a broadcast address of
// IPv4: for backends.
func (c *Control) MarkBroadcast() {
	if c.Local.Is4() {
		c.many = c.Local.As4()
	}
}

// limitedBroadcast is every host of a network (RFC 919).
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Count is how many datagrams m is.
func (m Message) Count() int {
	if m.Segment <= 0 || len(m.Data) <= m.Segment {
		return 1
	}
	return (len(m.Data) + m.Segment - 1) / m.Segment
}

// Datagrams ranges over the datagrams of m, each a part of m.Data.
func (m Message) Datagrams() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		p := m.Data
		for m.Segment > 0 && len(p) > m.Segment {
			if !yield(p[:m.Segment:m.Segment]) {
				return
			}
			p = p[m.Segment:]
		}
		yield(p)
	}
}
