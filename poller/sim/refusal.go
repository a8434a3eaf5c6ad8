package sim

import (
	"net/netip"

	"example.com/pike/poller"
)

// A refusal is ICMP on its way to say that nobody has a port, or what has been said.
type refusal struct {
	to   *packet
	peer netip.AddrPort // whom the datagram was for
	by   netip.Addr
}

// refusalsMost are those that a socket keeps; what a system has room for differs.
const refusalsMost = 1024

// unreachable has ICMP tell the sender that nobody has the port (RFC 1122,
// 4.1.3.1).
func (d *datagram) unreachable() {
	if back := d.to.link(d.from.h.m); back.up() {
		r := &refusal{to: d.from, peer: d.dst, by: d.dst.Addr()}
		d.w.queue.push(back.arrival(0), evUnreachable, r, 0)
	}
}

// happen is the arrival. Of a socket that is not connected Linux tells only with
// IP_RECVERR (ip(7)), of one that is only of its peer, and without that option it keeps
// one error and no more (udp_err in net/ipv4/udp.c).
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
