package sim

import (
	"net/netip"

	"example.com/pike/poller"
)

// A refusal is an ICMP message that nobody has a port: under way, or arrived and not told.
type refusal struct {
	to   *packet
	peer netip.AddrPort // whom the datagram was for
	by   netip.Addr
}

// refusalsMost is how many refusals a socket keeps. Real systems have room for more or fewer.
const refusalsMost = 1024

// unreachable has ICMP tell the sender that nobody has the port (RFC 1122,
// 4.1.3.1).
func (d *datagram) unreachable() {
	if back := d.to.link(d.from.h.m); back.up() {
		r := &refusal{to: d.from, peer: d.dst, by: d.dst.Addr()}
		d.w.queue.push(back.arrival(0), evUnreachable, r, 0)
	}
}

// happen is the arrival of the refusal. As on Linux, a socket that is not connected is told
// only with IP_RECVERR (ip(7)), and a connected one only of its peer. Without that option the
// system keeps one error and no more (udp_err in net/ipv4/udp.c).
func (r *refusal) happen(kind, int64) {
	s := r.to
	switch {
	case !s.isOpen(), s.peer.IsValid() && s.peer != r.peer:
	case s.opt.recvError && len(s.errs) < refusalsMost, s.peer.IsValid() && len(s.errs) == 0:
		s.errs = append(s.errs, *r)
		s.wake()
	}
}

// error is what the handler is told.
func (r *refusal) error() error {
	return &poller.PeerError{Peer: r.peer, Offender: r.by, Err: eCONNREFUSED.of("recvmsg")}
}
