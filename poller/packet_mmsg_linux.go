package poller

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What moves datagrams here, many to a call.
const (
	recvPacketsCall = "recvmmsg"
	sendPacketsCall = "sendmmsg"
)

// packetBuffers serve all datagram sockets of a poller, one batch at a time.
// The slab is large but untouched pages of it cost nothing.
type packetBuffers struct {
	recvHdrs  [recvBatch]mmsghdr
	recvIovs  [recvBatch]unix.Iovec
	recvNames [recvBatch]sockaddrIn6
	messages  [recvBatch]Message
	slab      []byte
	sendHdrs  [sendBatch]mmsghdr
	sendIovs  [sendBatch]unix.Iovec
	sendNames [sendBatch]sockaddrIn6
}

func newPacketBuffers() *packetBuffers {
	b := &packetBuffers{slab: make([]byte, recvBatch*maxDatagram)}
	for i := range b.recvHdrs {
		b.recvIovs[i].Base = &b.slab[i*maxDatagram]
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
func (b *packetBuffers) receive(s *packet) (ms []Message, full bool, e errno) {
	n, e := recvmmsg(s.fd, b.recvHdrs[:])
	if e != 0 {
		return nil, false, e
	}
	for i := range n {
		h := &b.recvHdrs[i]
		b.messages[i] = Message{Data: b.slab[i*maxDatagram:][:h.n:maxDatagram], Peer: b.recvNames[i].addrPort()}
		h.Namelen = uint32(unsafe.Sizeof(b.recvNames[i]))
	}
	return b.messages[:n], n == recvBatch, 0
}

// send makes one system call for the first of ms. It returns how many messages
// went out, and EAGAIN or the error of the first if none did.
func (b *packetBuffers) send(s *packet, ms []Message) (n int, e errno) {
	k, total := min(len(ms), sendBatch), 0
	for i, m := range ms[:k] {
		if e = b.prepare(i, m, s); e != 0 {
			k = i
			break
		}
		total += len(m.Data)
	}
	if k == 0 {
		return 0, e
	}
	n, e = sendmmsg(s.fd, b.sendHdrs[:k], total)
	clear(b.sendIovs[:k]) // or the poller would keep the caller's memory alive
	if e != 0 {
		return 0, e
	}
	return n, 0
}

// prepare fills header i with m.
func (b *packetBuffers) prepare(i int, m Message, s *packet) errno {
	h := &b.sendHdrs[i]
	*h = mmsghdr{}
	if m.Peer.IsValid() || s.peer.Family == 0 {
		name := &b.sendNames[i]
		if e := name.setFor(m.Peer, int(s.family), &h.Namelen); e != 0 {
			return e
		}
		h.Name = (*byte)(unsafe.Pointer(name))
	}
	b.sendIovs[i].Base = unsafe.SliceData(m.Data)
	b.sendIovs[i].SetLen(len(m.Data))
	h.Iov = &b.sendIovs[i]
	h.SetIovlen(1)
	return 0
}

// drainErrors empties the queue that IP_RECVERR fills (ip(7)): a socket is in
// error as long as there is something in it, and would spin the loop. The error
// itself has been told by the call that failed.
func drainErrors(fd int32) {
	var m unix.Msghdr
	for range errorsPerPoll {
		if recverr(fd, &m) != 0 {
			return
		}
	}
}

// disconnect dissolves the association with a peer.
func (s *packet) disconnect() error {
	port, sa := s.Addr().Port(), &s.p.sa
	sa.raw = unix.RawSockaddrAny{Addr: unix.RawSockaddr{Family: unix.AF_UNSPEC}}
	sa.n = unix.SizeofSockaddrInet6
	if e := connect(s.fd, sa); e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = sockaddrIn6{}
	addr := s.Addr()
	if addr.Port() == port {
		return nil
	}
	// Linux takes a port that it had chosen away with the peer (udp_disconnect in
	// net/ipv4/udp.c): without one the socket would receive nothing more.
	return bindTo(s.fd, int(s.family), AddrOf(netip.AddrPortFrom(addr.Addr(), port)), sa)
}
