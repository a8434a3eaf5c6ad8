package iocp

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A datagram is at most 64 KiB, whatever the family.
const maxDatagram = 64 << 10

// packetBuffers serve all datagram sockets of a poller, one batch at a time. The
// slab is large but untouched pages of it cost nothing.
type packetBuffers struct {
	messages [recvBatch]poller.Message
	slab     [recvBatch * maxDatagram]byte
	from     sys.SockaddrIn6
	size     int32
}

// packetOps are the operations of a datagram socket. The poller keeps those that are not in
// use, because the port may tell of an operation that is over already: see iocp.complete.
type packetOps struct {
	recv, send op
	wsa        windows.WSABuf
	n          uint32
	to         sys.SockaddrIn6 // of the message that the system has
	next       *packetOps
}

type packet struct {
	source
	handler  poller.PacketHandler
	ops      *packetOps
	peer     sys.SockaddrIn6  // if connected; family 0 if not
	out      []poller.Message // of the Send in flight, from the first not sent
	done     int              // messages of that Send that went out
	cut      int              // bytes of the first in out that did, a run being sent one by one
	size     int              // bytes that the call under way is to send
	doubts   uint8            // sends that were made again, of late
	busy     bool
	full     bool // the system has no room, and what went out is to be told
	readable bool
	recvErr  sys.Errno // how the receive of nothing ended
	backErr  error     // what came back for a datagram and is to be told
	err      sys.Errno // how a Send ended, where that must not be told
}

func (p *iocp) Bind(addr poller.Addr, o *poller.Options, h poller.PacketHandler) (poller.Packet, error) {
	if o == nil {
		o = new(poller.Options)
	}
	sock, family, err := p.socket(addr, windows.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	if err = sys.ApplyShare(sock, family, o, o.ReuseAddr); err == nil {
		if err = sys.ApplyPacket(sock, family, o); err == nil {
			if err = p.control(sock, o); err == nil {
				err = p.bindTo(sock, family, addr)
			}
		}
	}
	if err != nil {
		windows.Closesocket(sock)
		return nil, err
	}
	if p.packets == nil {
		p.packets = new(packetBuffers)
	}
	s := &packet{handler: h, ops: p.takePacketOps()}
	p.add(s, sock, family)
	return s, nil
}

func (p *iocp) takePacketOps() *packetOps {
	o := p.spareOps
	if o == nil {
		return new(packetOps)
	}
	p.spareOps, o.next = o.next, nil
	return o
}

func (s *packet) Start() {
	if s.started || s.closing {
		return
	}
	s.started = true
	if s.readable || s.backErr != nil {
		s.later(s)
	} else {
		s.arm()
	}
}

// arm begins a receive of no bytes. Without MSG_PEEK it would take a datagram, and
// drop what it has no room for.
func (s *packet) arm() {
	o := &s.ops.recv
	if o.out || !s.started {
		return
	}
	s.prepare(o, s)
	e := sys.WsaRecvNothing(s.h, &s.p.scratch, windows.MSG_PEEK, o.system())
	if !s.began(o, e) {
		s.p.seen++
		s.announced(e)
		s.later(s)
	}
}

// announced is the end of a receive of no bytes: a datagram that has more is no
// error.
func (s *packet) announced(e sys.Errno) {
	if e == windows.WSAEMSGSIZE {
		e = 0
	}
	s.recvErr, s.readable = e, true
}

func (s *packet) Stop() { s.started = false }

func (s *packet) Close() {
	if !s.closing {
		s.shut(s)
	}
}

func (s *packet) Peer() poller.Addr { return poller.AddrOf(s.peer.AddrPort(&s.p.zones)) }

// Connect also decides whether a refusal is reported: only that of the one peer
// means something without its address.
func (s *packet) Connect(peer poller.Addr) error {
	if s.closing {
		return net.ErrClosed
	}
	sa := &s.p.sa
	if !peer.IsValid() {
		sa.SetNone(int(s.family))
	} else if e := sa.Set(peer, int(s.family)); e != 0 {
		return sys.CallError("connect", e)
	}
	s.forsake()
	if e := sys.Connect(s.h, sa); e != 0 {
		return sys.CallError("connect", e)
	}
	s.peer = sa.Raw
	sys.ReportRefusals(s.h, peer.IsValid())
	return nil
}

func (s *packet) Join(m poller.Membership) error  { return s.member(m, true) }
func (s *packet) Leave(m poller.Membership) error { return s.member(m, false) }

func (s *packet) member(m poller.Membership, join bool) error {
	if s.closing {
		return net.ErrClosed
	}
	return sys.Membership(s.h, int(s.family), m, join)
}

func (s *packet) completed(o *op, _ int, e sys.Errno) {
	if o == &s.ops.recv {
		s.announced(e)
		s.receive()
		return
	}
	switch {
	case s.stale(e): // goOn sends it again
	case e != 0:
		s.complete(e)
		return
	default:
		s.advance()
	}
	s.goOn()
}

func (s *packet) proceed() {
	if s.readable || s.backErr != nil || !s.ops.recv.out { // or a panic has cut short what was before arm
		s.receive()
	}
	if s.busy && !s.ops.send.out && !s.failing && !s.closing {
		s.goOn()
	}
}

// receive takes what has been announced, and what else there is.
func (s *packet) receive() {
	for range batchesPerPoll {
		if !s.started {
			return
		}
		if err := s.backErr; err != nil {
			s.backErr = nil
			s.handler.Received(nil, err)
			continue
		}
		if e := s.recvErr; e != 0 {
			s.recvErr = 0
			s.handler.Received(nil, s.receiveError(e))
			continue
		}
		n, e := s.take()
		if s.readable = e == 0; !s.readable && e != windows.WSAEWOULDBLOCK {
			s.recvErr, s.readable = e, true
		}
		if n > 0 {
			all := lent.Of(s.p.packets.messages[:n])
			s.handler.Received(s.p.packets.messages[:n], nil)
			all.Overwrite()
		}
		if !s.readable && !s.closing {
			s.arm()
			return
		}
	}
	s.later(s)
}

// take receives a batch; an error is of what comes after it.
func (s *packet) take() (n int, e sys.Errno) {
	b := s.p.packets
	for range recvBatch {
		slot := b.slab[n*maxDatagram:][:maxDatagram:maxDatagram]
		k, e := sys.Recvfrom(s.h, slot, &b.from, &b.size)
		if e != 0 {
			return n, e
		}
		if !s.keepsOut(&b.from) {
			b.messages[n] = poller.Message{Data: slot[:k], Peer: b.from.AddrPort(&s.p.zones)}
			n++
		}
	}
	return n, 0
}

func (s *packet) Send(ms []poller.Message) bool {
	if s.closing || len(ms) == 0 {
		return true
	}
	if s.busy {
		panic("poller: Send before Sent")
	}
	s.out, s.done, s.cut = ms, 0, 0
	e := s.write()
	if len(s.out) == 0 {
		s.out = nil
		return true
	}
	if s.busy = true; e != 0 {
		s.err = e
		s.failLater(s)
	} else if s.full {
		s.later(s)
	}
	return false
}

// write sends what is left of the Send, until all is sent, the system has an
// operation, others should have their turn, or there is an error.
func (s *packet) write() sys.Errno {
	for range sendsPerPoll {
		if len(s.out) == 0 {
			return 0
		}
		m, o := &s.out[0], s.ops
		switch {
		case m.Segment < 0:
			return windows.WSAEINVAL
		case m.Control != (poller.Control{}):
			return windows.WSAEOPNOTSUPP // is errors.ErrUnsupported
		}
		p, _ := sys.NextOf(m, s.cut)
		s.size = len(p)
		var size int32
		if m.Peer.IsValid() || s.peer.Family == 0 {
			if e := o.to.SetFor(m.Peer, int(s.family), &size, &s.p.zones); e != 0 {
				return e
			}
		}
		_, e := sys.Sendto(s.h, p, &o.to, size)
		if e == windows.WSAEWOULDBLOCK {
			if s.full = s.done > 0 && s.cut == 0; s.full {
				return 0 // what went out is told before the system gets the next
			}
			o.wsa = windows.WSABuf{Len: uint32(len(p)), Buf: unsafe.SliceData(p)}
			s.prepare(&o.send, s)
			e = sys.WsaSendTo(s.h, &o.wsa, &o.n, &o.to, size, o.send.system())
			o.wsa = windows.WSABuf{}
			if s.began(&o.send, e) {
				return 0
			}
		}
		switch {
		case s.stale(e): // and is sent again
			continue
		case e != 0:
			return refused(e)
		}
		s.advance()
	}
	if len(s.out) > 0 {
		s.later(s)
	}
	return 0
}

// advance counts a datagram as sent: a message, or one of a run.
func (s *packet) advance() {
	if s.cut += s.size; s.cut >= len(s.out[0].Data) {
		s.out, s.done, s.cut = s.out[1:], s.done+1, 0
	}
}

// goOn goes on with the Send in flight.
func (s *packet) goOn() {
	e := sys.Errno(0)
	if !s.full {
		e = s.write()
	}
	if e != 0 || len(s.out) == 0 || s.full {
		s.complete(e)
	}
}

// complete ends the Send in flight.
func (s *packet) complete(e sys.Errno) {
	n := s.done
	s.busy, s.full, s.out, s.done, s.err = false, false, nil, 0, 0
	s.handler.Sent(n, sys.CallError("sendto", e))
}

func (s *packet) fail() {
	if s.busy && s.err != 0 {
		s.complete(s.err)
	}
}

func (s *packet) end() {
	s.abandon()
	if s.busy {
		s.busy, s.out = false, nil
		s.handler.Sent(s.done, net.ErrClosed)
		if s.p.Silenced() {
			return
		}
	}
	s.handler.Closed()
}

func (s *packet) abandon() {
	s.release()
	o := s.ops
	if !o.recv.out && !o.send.out { // or the system did not give them back
		o.recv.owner, o.send.owner = nil, nil
		o.next, s.p.spareOps = s.p.spareOps, o
	}
	s.ops = nil
}
