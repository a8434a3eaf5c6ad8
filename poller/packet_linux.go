package poller

import (
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A datagram is at most 64 KiB, whatever the family.
const maxDatagram = 64 << 10

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

type packet struct {
	source
	h    PacketHandler
	peer sockaddrIn6 // if connected; family 0 if not
	out  []Message   // of the Send in flight, from the first not sent
	sent int         // messages of that Send that went out
	busy bool
	err  errno // how it ended
	recv errno // how Start failed
}

func (p *readiness) Bind(addr Addr, o *Options, h PacketHandler) (Packet, error) {
	if o == nil {
		o = new(Options)
	}
	if addr.Path != "" {
		return nil, os.NewSyscallError("bind", unix.EAFNOSUPPORT)
	}
	fd, family, err := socket(addr, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	err = applyShare(fd, family, o, o.ReuseAddr)
	if err == nil {
		err = applyPacket(fd, family, o)
	}
	if err == nil {
		err = bindTo(fd, family, addr, &p.sa)
	}
	if err != nil {
		unix.Close(int(fd))
		return nil, err
	}
	return p.addPacket(fd, family, h), nil
}

func (p *readiness) addPacket(fd int32, family int, h PacketHandler) *packet {
	if p.packets == nil {
		p.packets = newPacketBuffers()
	}
	s := &packet{h: h}
	s.fd, s.family = fd, uint8(family)
	p.add(s, &s.source)
	return s
}

func (s *packet) Start() {
	if s.started || s.closed {
		return
	}
	s.started = true
	if s.recv = s.arm(s.mask | Readable); s.recv != 0 {
		s.failLater()
	}
}

func (s *packet) Stop() {
	s.started = false
	s.arm(s.mask &^ Readable)
}

func (s *packet) Close() {
	if !s.closed {
		s.shut(s)
	}
}

// Release gives the descriptor back, open and non-blocking.
func (s *packet) Release() (uintptr, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	if s.busy {
		return 0, os.NewSyscallError("release", unix.EBUSY)
	}
	fd := s.fd
	s.shut(s)
	s.fd = -1
	return uintptr(fd), nil
}

func (s *packet) Peer() Addr { return AddrOf(s.peer.addrPort()) }

func (s *packet) Connect(peer Addr) error {
	if s.closed {
		return net.ErrClosed
	}
	port := s.port()
	sa := &s.p.sa
	if !peer.IsValid() {
		sa.raw = unix.RawSockaddrAny{Addr: unix.RawSockaddr{Family: unix.AF_UNSPEC}}
		sa.n = unix.SizeofSockaddrInet6
	} else if e := sa.set(peer, int(s.family)); e != 0 {
		return os.NewSyscallError("connect", e)
	}
	if e := connect(s.fd, sa); e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = *(*sockaddrIn6)(unsafe.Pointer(&sa.raw))
	if peer.IsValid() || port == s.port() {
		return nil
	}
	// Linux takes a port that it had chosen away with the peer (udp_disconnect in
	// net/ipv4/udp.c): without one the socket would receive nothing more.
	return bindTo(s.fd, int(s.family), AddrOf(netip.AddrPortFrom(s.Addr().Addr(), port)), sa)
}

func (s *packet) port() uint16 { return s.Addr().Port() }

func (s *packet) Join(m Membership) error  { return s.member(m, true) }
func (s *packet) Leave(m Membership) error { return s.member(m, false) }

func (s *packet) member(m Membership, join bool) error {
	if s.closed {
		return net.ErrClosed
	}
	return membership(s.fd, int(s.family), m, join)
}

func (s *packet) ready(ev Events) {
	if ev&(Readable|Failed|Hangup) != 0 {
		s.receive()
	}
	if ev&(Writable|Failed) != 0 && s.busy && !s.failing && !s.closed {
		s.proceed()
	}
	if ev&Failed != 0 && !s.closed {
		s.drainErrors()
	}
}

func (s *packet) receive() {
	b := s.p.packets
	for range batchesPerPoll {
		if !s.started {
			return
		}
		n, e := recvmmsg(s.fd, b.recvHdrs[:])
		switch {
		case e == unix.EAGAIN || e == unix.EINTR:
			return
		case e != 0:
			s.h.Received(nil, os.NewSyscallError("recvmmsg", e))
			return // level-triggered: what is behind the error comes with the next Poll
		}
		for i := range n {
			h := &b.recvHdrs[i]
			b.messages[i] = Message{Data: b.slab[i*maxDatagram:][:h.n:maxDatagram], Peer: b.recvNames[i].addrPort()}
			h.Namelen = uint32(unsafe.Sizeof(b.recvNames[i]))
		}
		s.h.Received(b.messages[:n], nil)
		if n < recvBatch {
			return
		}
	}
}

// drainErrors empties the queue that IP_RECVERR fills (ip(7)): a socket is in
// error as long as there is something in it, and would spin the loop. The error
// itself has been told by the call that failed.
func (s *packet) drainErrors() {
	var m unix.Msghdr
	for range errorsPerPoll {
		if recverr(s.fd, &m) != 0 {
			return
		}
	}
}

func (s *packet) Send(ms []Message) bool {
	if s.closed || len(ms) == 0 {
		return true
	}
	if s.busy {
		panic("poller: Send before Sent")
	}
	n, e := s.write(ms)
	if n == len(ms) {
		return true
	}
	s.busy, s.out, s.sent = true, ms[n:], n
	if e == unix.EAGAIN {
		e = s.arm(s.mask | Writable)
	}
	if e != 0 {
		s.err = e
		s.failLater()
	}
	return false
}

// write returns how many messages went out, and EAGAIN or the error of the one
// after them.
func (s *packet) write(ms []Message) (done int, e errno) {
	b := s.p.packets
	for done < len(ms) {
		k, total := min(len(ms)-done, sendBatch), 0
		for i, m := range ms[done:][:k] {
			if e = b.prepare(i, m, s); e != 0 {
				k = i
				break
			}
			total += len(m.Data)
		}
		if k == 0 {
			return done, e
		}
		n, sendErr := sendmmsg(s.fd, b.sendHdrs[:k], total)
		clear(b.sendIovs[:k]) // or the poller would keep the caller's memory alive
		switch {
		case sendErr == unix.EINTR:
			continue
		case sendErr != 0:
			return done, sendErr
		}
		done += n
	}
	return done, 0
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

func (s *packet) proceed() {
	n, e := s.write(s.out)
	s.out, s.sent = s.out[n:], s.sent+n
	if len(s.out) == 0 || e != unix.EAGAIN {
		s.complete(e)
	}
}

// complete ends the Send in flight.
func (s *packet) complete(e errno) {
	s.arm(s.mask &^ Writable)
	n := s.sent
	s.busy, s.out, s.sent, s.err = false, nil, 0, 0
	if e != 0 {
		s.h.Sent(n, os.NewSyscallError("sendmmsg", e))
	} else {
		s.h.Sent(n, nil)
	}
}

func (s *packet) failLater() {
	if !s.failing {
		s.failing = true
		s.p.failed = append(s.p.failed, s)
	}
}

func (s *packet) fail() {
	s.failing = false
	if e := s.recv; e != 0 && !s.closed {
		s.recv = 0
		s.h.Received(nil, os.NewSyscallError("epoll_ctl", e))
	}
	if s.busy && s.err != 0 && !s.closed {
		s.complete(s.err)
	}
}

func (s *packet) end() {
	s.release()
	if s.busy {
		s.busy, s.out = false, nil
		s.h.Sent(s.sent, net.ErrClosed)
	}
	s.h.Closed()
}
