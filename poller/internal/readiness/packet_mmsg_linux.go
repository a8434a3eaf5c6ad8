package readiness

import (
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// What moves datagrams here, many to a call.
const recvPacketsCall = "recvmmsg"

// sendCall is what the last datagrams of s were sent by.
func (s *packet) sendCall() string {
	if s.alone {
		return "sendto"
	}
	return "sendmmsg"
}

// slabStride keeps the buffers of a batch from sharing the same few sets of the
// processor's caches, as they do at multiples of 64 KiB.
const slabStride = maxDatagram + 192

// packetBuffers serve all datagram sockets of a poller, one batch at a time.
// The slab is large but untouched pages of it cost nothing.
type packetBuffers struct {
	recvHdrs     [recvBatch]sys.Mmsghdr
	recvIovs     [recvBatch]unix.Iovec
	recvNames    [recvBatch]sys.SockaddrIn6
	recvControls [recvBatch]sys.RecvControl
	telling      bool // recvHdrs have the recvControls
	bulky        bool // the last batch was more than sys.RawBatch
	messages     [recvBatch]poller.Message
	slab         []byte

	sendHdrs     [sendBatch]sys.Mmsghdr
	sendNames    [sendBatch]sys.SockaddrIn6
	sendControls [sendBatch]sys.SendControl
	sendEnds     [sendBatch]place
	sendIovs     [sendIovecs]unix.Iovec
	iovecs       int // of sendIovs that are in use
}

func newPacketBuffers() *packetBuffers {
	b := &packetBuffers{slab: make([]byte, recvBatch*slabStride)}
	for i := range b.recvHdrs {
		b.recvIovs[i].Base = &b.slab[i*slabStride]
		b.recvIovs[i].SetLen(maxDatagram)
		h := &b.recvHdrs[i].Msghdr
		h.Name = (*byte)(unsafe.Pointer(&b.recvNames[i]))
		h.Namelen = uint32(unsafe.Sizeof(b.recvNames[i]))
		h.Iov = &b.recvIovs[i]
		h.SetIovlen(1)
	}
	return b
}

// receive takes what has arrived for s, one batch of it; full says that there may
// be more.
func (b *packetBuffers) receive(s *packet) (ms []poller.Message, full bool, e sys.Errno) {
	if b.telling != s.tells() {
		b.tell(s.tells())
	}
	n, e := sys.Recvmmsg(s.fd, b.recvHdrs[:], b.bulky || s.lent)
	if e != 0 {
		return nil, false, e
	}
	total, k := 0, 0
	for i := range n {
		h, m := &b.recvHdrs[i], &b.messages[k]
		total += int(h.N)
		*m = poller.Message{Data: b.slab[i*slabStride:][:h.N:maxDatagram], Peer: b.recvNames[i].AddrPort(&s.p.zones)}
		h.Namelen = uint32(unsafe.Sizeof(b.recvNames[i]))
		if h.Controllen > 0 {
			sys.ReadControl(b.recvControls[i].Bytes(int(h.Controllen)), m, s.info, s.class)
		}
		if b.telling {
			h.SetControllen(len(b.recvControls[i]) * 8)
		}
		if !s.keepsOut(&b.recvNames[i]) {
			k++
		}
	}
	b.bulky = total > sys.RawBatch
	return b.messages[:k], n == recvBatch, 0
}

// tell gives the headers memory for control data, or takes it from them: asking
// costs the system time.
func (b *packetBuffers) tell(on bool) {
	b.telling = on
	for i := range b.recvHdrs {
		h, c := &b.recvHdrs[i].Msghdr, &b.recvControls[i]
		h.Control = nil
		h.SetControllen(0)
		if on {
			h.Control = (*byte)(unsafe.Pointer(c))
			h.SetControllen(len(c) * 8)
		}
	}
}

// send makes one system call for the first of ms, of whose first message s.cut
// bytes are out. It returns how many messages went out, and EAGAIN or the error
// of the first if nothing did.
func (b *packetBuffers) send(s *packet, ms []poller.Message) (n int, e sys.Errno) {
	k, total, first, at := 0, 0, 0, place{cut: s.cut}
	b.iovecs = 0
	headers := sendBatch
	if s.runs.Trying() {
		headers = 1
	}
	for k < headers && at.message < len(ms) && b.iovecs < len(b.sendIovs) {
		if k > 0 && s.elsewhere(&ms[at.message]) {
			break
		}
		bytes, err := b.gather(k, s, ms, &at)
		if err != 0 {
			e = err
			break
		}
		if k == 0 {
			first = bytes
		}
		b.sendEnds[k] = at
		total += bytes
		k++
	}
	if h := &b.sendHdrs[0]; k > 0 {
		if s.alone = k == 1 && b.iovecs == 1 && h.Control == nil; s.alone {
			n, e = 1, sys.Sendto(s.fd, &h.Msghdr, s.lent)
		} else {
			n, e = sys.Sendmmsg(s.fd, b.sendHdrs[:k], total, s.lent)
		}
	}
	runtime.KeepAlive(ms)
	clear(b.sendIovs[:b.iovecs]) // or the poller would keep the caller's memory alive
	size := sys.SizeOf(&ms[0])
	switch {
	case k == 0:
		return 0, e
	case e != 0 && s.stale(e):
		return 0, unix.EINTR
	case e != 0:
		return 0, s.runs.Declined(e, size, first > size)
	}
	if s.doubts > 0 {
		s.sure()
	}
	s.runs.Taken(size)
	s.cut = b.sendEnds[n-1].cut
	return b.sendEnds[n-1].message, 0
}

// elsewhere reports whether m is for another than the peer. Such a message must be the first
// of its call. An error may be waiting with the socket, and sendmmsg returns only that of its
// first message.
func (s *packet) elsewhere(m *poller.Message) bool {
	return s.peer.Family != 0 && !s.queues && m.Peer.IsValid() && m.Peer != s.peer.AddrPort(&s.p.zones)
}

// disconnect dissolves the association with a peer.
func (s *packet) disconnect() error {
	port, sa := s.Addr().Port(), &s.p.sa
	sa.Raw = unix.RawSockaddrAny{Addr: unix.RawSockaddr{Family: unix.AF_UNSPEC}}
	sa.N = unix.SizeofSockaddrInet6
	if e := sys.Connect(s.fd, sa); e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = sys.SockaddrIn6{}
	addr := s.Addr()
	if addr.Port() == port {
		return nil
	}
	// Linux takes a port that it had chosen away with the peer (udp_disconnect in
	// net/ipv4/udp.c): without one the socket would receive nothing more.
	return bindTo(s.fd, s.family(), poller.AddrOf(netip.AddrPortFrom(addr.Addr(), port)), sa)
}
