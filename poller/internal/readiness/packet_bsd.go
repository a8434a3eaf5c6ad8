//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package readiness

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// What moves datagrams here, one to a call.
const recvPacketsCall = "recvfrom"

func (s *packet) sendCall() string { return "sendto" }

// An offload is nothing here: runs are cut before they are sent, and none is
// received.
type offload struct{}

func (s *packet) setOffload(*poller.Options) {}

// packetBuffers serve all datagram sockets of a poller, one batch at a time.
// The slab is large but untouched pages of it cost nothing.
type packetBuffers struct {
	messages [recvBatch]poller.Message
	slab     []byte
	from, to sys.Sockaddr
	name     sys.Name
}

func newPacketBuffers() *packetBuffers {
	return &packetBuffers{slab: make([]byte, recvBatch*maxDatagram)}
}

// receive takes what has arrived for s, one batch of it; full says that there may
// be more. An error may come with what was received before it.
func (b *packetBuffers) receive(s *packet) (ms []poller.Message, full bool, e sys.Errno) {
	k := 0
	for i := range recvBatch {
		p := b.slab[k*maxDatagram:][:maxDatagram:maxDatagram]
		n, e := sys.RecvFrom(s.fd, p, &b.from)
		if e == unix.EAGAIN && i > 0 {
			return b.messages[:k], false, 0
		}
		if e != 0 {
			return b.messages[:k], false, e
		}
		from := (*sys.SockaddrIn6)(unsafe.Pointer(&b.from.Raw))
		if !s.keepsOut(from) {
			b.messages[k] = poller.Message{Data: p[:n:maxDatagram], Peer: from.AddrPort(&s.p.zones)}
			k++
		}
	}
	return b.messages[:k], true, 0
}

// send sends the first of ms. It returns how many messages went out, and EAGAIN or
// the error of the one after them.
func (b *packetBuffers) send(s *packet, ms []poller.Message) (n int, e sys.Errno) {
	for sent := 0; n < len(ms) && sent < sendBatch; sent++ {
		m := &ms[n]
		switch {
		case m.Segment < 0:
			return n, unix.EINVAL
		case m.Control != (poller.Control{}):
			return n, unix.EOPNOTSUPP // is errors.ErrUnsupported
		}
		if e := b.address(s, m.Peer); e != 0 {
			return n, e
		}
		p, last := sys.NextOf(m, s.cut)
		if e := sys.SendTo(s.fd, p, &b.to, &b.name); e != 0 {
			if s.stale(e) {
				continue
			}
			return n, e
		}
		if s.doubts > 0 {
			s.sure()
		}
		if s.cut += len(p); last {
			n, s.cut = n+1, 0
		}
	}
	return n, 0
}

// address leaves in b.to where a message goes, and leaves it empty for the peer of a
// connected socket: such a socket takes no address, not even its peer's (EISCONN, send(2)).
func (b *packetBuffers) address(s *packet, to netip.AddrPort) sys.Errno {
	b.to.N = 0
	if s.peer.Family != 0 && (!to.IsValid() || to == s.peer.AddrPort(&s.p.zones)) {
		return 0
	}
	return (*sys.SockaddrIn6)(unsafe.Pointer(&b.to.Raw)).SetFor(to, s.family(), &b.to.N, &s.p.zones)
}

// takeErrors does nothing: there is no queue of errors, and what a call returns is
// gone.
func (s *packet) takeErrors() int { return 0 }

func reportsErrors(fd int32) bool { return false }

// disconnect dissolves the association with a peer by a connect that fails: nobody
// has port 0 (connect(2); the systems do not agree on the error). The socket keeps
// its port, but is bound to every address then (udp_disconnect in
// netinet/udp_usrreq.c).
func (s *packet) disconnect() error {
	sa := &s.p.sa
	zero := netip.IPv4Unspecified()
	if s.family() == unix.AF_INET6 {
		zero = netip.IPv6Unspecified()
	}
	e := sa.Set(poller.AddrOf(netip.AddrPortFrom(zero, 0)), s.family())
	if e == 0 {
		e = sys.Connect(s.fd, sa)
	}
	if sys.Getpeername(s.fd, sa) == 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = sys.SockaddrIn6{}
	return nil
}
