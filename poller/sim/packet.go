package sim

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"example.com/pike/poller"
)

// A packet is a datagram socket.
type packet struct {
	socket
	handler poller.PacketHandler
	bound   poller.Addr    // as it was before Connect
	peer    netip.AddrPort // if connected
	groups  []poller.Membership
	errs    []refusal // ICMP errors that have not been told

	queue  []*datagram // received by the system
	queued int         // bytes of that, as the system counts them

	busy    bool // a Send is in flight
	late    bool // and nothing of it may be taken yet
	held    []poller.Message
	heldSum uint64
	sent    int   // messages of held that went out
	failed  errno // of the message after these
}

const (
	packetBuffer   = bufferMost // SO_RCVBUF, unless Options say otherwise
	packetOverhead = 256        // what Linux counts for a datagram besides its bytes
	batchesPerPoll = 8
	batchMost      = 32
)

// Bind opens a datagram socket on the host.
func (h *Host) Bind(addr poller.Addr, o *poller.Options, handler poller.PacketHandler) (poller.Packet, error) {
	if o == nil {
		o = new(poller.Options)
	}
	if err := check(o); err != nil {
		return nil, err
	}
	addr = plain(addr)
	s, call, e := h.packet(addr, o, handler)
	if e == eOK {
		call, e = "bind", h.bindPacket(s, addr)
	}
	if e != eOK {
		h.noteAt(vBind, 0, &addr, 0, e)
		return nil, e.of(call)
	}
	h.open(s)
	h.noteAt(vBind, s.id, &s.local, s.opt.hash(), eOK)
	return s, nil
}

// packet makes a socket that has no address yet. An error comes with the call that
// fails.
func (h *Host) packet(addr poller.Addr, o *poller.Options, handler poller.PacketHandler) (s *packet, call string, e errno) {
	f, e := familyOf(addr)
	if e == eOK {
		e = h.room()
	}
	switch {
	case f == unixDomain:
		return nil, "bind", eAFNOSUPPORT
	case e != eOK:
		return nil, "socket", e
	case o.V6Only && f == inet:
		return nil, "setsockopt", eINVAL
	}
	s = &packet{handler: handler}
	s.kind, s.family = packetSocket, f
	s.opt.from(o, &h.w.cfg)
	s.opt.reuse = o.ReuseAddr
	if o.RecvBuffer <= 0 {
		s.opt.recvBuffer = packetBuffer
	}
	return s, "", eOK
}

func (h *Host) bindPacket(s *packet, addr poller.Addr) errno {
	m := h.m
	if e := zoned(addr.Addr()); e != eOK {
		return e
	}
	if !m.canBind(addr.Addr(), true) {
		return eADDRNOTAVAIL
	}
	number := addr.Port()
	if number == 0 {
		if number = m.ephemeral(true); number == 0 {
			return eADDRINUSE
		}
	}
	p := m.port(portKey{number, true})
	for _, other := range p.packets {
		shared := s.opt.reuse && other.opt.reuse || s.opt.reusePort && other.opt.reusePort
		if !shared && overlaps(&other.socket, addr.Addr(), s.opt.v6Only) {
			return eADDRINUSE
		}
	}
	s.local = poller.AddrOf(netip.AddrPortFrom(addr.Addr(), number))
	s.bound = s.local
	p.packets = append(p.packets, s)
	return eOK
}

// Start begins delivery.
func (s *packet) Start() {
	if s.started || s.closed {
		return
	}
	s.started = true
	s.h.note(vStartOn, s.id, &s.local, 0, eOK)
	s.wake()
}

// Stop suspends delivery.
func (s *packet) Stop() {
	if s.started {
		s.started = false
		s.h.note(vStopOn, s.id, &s.local, 0, eOK)
	}
}

// Close closes the socket.
func (s *packet) Close() {
	if !s.closed {
		s.retire(s, &s.local)
	}
}

// Peer is the address the socket is connected to.
func (s *packet) Peer() poller.Addr { return poller.AddrOf(s.peer) }

// Connect fixes the peer, or dissolves that.
func (s *packet) Connect(peer poller.Addr) error {
	if s.closed {
		return net.ErrClosed
	}
	peer = plain(peer)
	s.h.noteAt(vConnect, s.id, &peer, 0, eOK)
	if !peer.IsValid() {
		s.peer, s.local = netip.AddrPort{}, s.bound
		return nil
	}
	to, e := s.dest(peer.AddrPort)
	if e != eOK {
		return e.of("connect")
	}
	if to.Addr().IsMulticast() || s.h.m.isBroadcast(to.Addr()) {
		s.peer = peer.AddrPort
		return nil
	}
	_, from := s.h.m.route(to.Addr())
	if !from.IsValid() {
		return eNETUNREACH.of("connect")
	}
	s.peer = to
	if s.bound.Addr().IsUnspecified() {
		s.local.AddrPort = netip.AddrPortFrom(from, s.bound.Port())
	}
	return nil
}

// dest is a destination as this socket can reach it.
func (s *packet) dest(to netip.AddrPort) (netip.AddrPort, errno) {
	if e := zoned(to.Addr()); e != eOK {
		return to, e
	}
	ip := to.Addr().Unmap()
	switch {
	case s.family == inet && !ip.Is4():
		return to, eAFNOSUPPORT
	case s.family == inet6 && ip.Is4() && (s.opt.v6Only || s.bound.Addr().Is6() && !s.bound.Addr().IsUnspecified()):
		return to, eNETUNREACH
	}
	return netip.AddrPortFrom(self(ip), to.Port()), eOK
}

func (s *packet) readable() bool { return s.started && (len(s.errs) > 0 || len(s.queue) > 0) }
func (s *packet) writable() bool { return s.busy && !s.late }

func (s *packet) wake() {
	if s.readable() || s.writable() {
		s.h.tellSoon(s)
	}
}

func (s *packet) tell() bool {
	s.receive()
	s.proceed()
	return !s.closed && (s.readable() || s.writable())
}

func (s *packet) receive() {
	h := s.h
	for range batchesPerPoll {
		if s.closed || !s.readable() {
			return
		}
		if len(s.errs) > 0 {
			err := s.errs[0]
			s.errs = s.errs[1:]
			h.note(vPacketError, s.id, &s.local, int64(err.peer.Port()), eCONNREFUSED)
			s.handler.Received(nil, err.error())
			continue
		}
		n := min(len(s.queue), batchMost)
		if n > 1 && h.strikes(SplitRead, h.m, h.m, s.local.Port(), &s.local) {
			n = 1 + int(h.w.dice.below(die(SplitRead), int64(n)-1))
		}
		s.handOver(n)
	}
}

// handOver tells of n datagrams. The handler gets their memory itself; only runs are
// copied.
func (s *packet) handOver(n int) {
	w := s.h.w
	batch := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	ms := w.messages[:0]
	for _, d := range batch {
		s.queued -= len(d.data) + packetOverhead
		if s.peer.IsValid() && s.peer != d.src {
			continue // a stranger's, from before Connect
		}
		m := s.message(d)
		if len(ms) == 0 || !s.extend(&ms[len(ms)-1], &m) {
			ms = append(ms, m)
		}
	}
	w.messages = ms
	var lent [batchMost][]byte // the handler may put other slices into its messages
	for i := range ms {
		lent[i] = ms[i].Data
	}
	if len(ms) > 0 {
		s.h.note(vReceivedPackets, s.id, &s.local, int64(n), eOK)
		s.h.decodedEach(false, s.local.Port(), ms, s.peer)
		s.handler.Received(ms, nil)
	}
	for _, p := range lent[:len(ms)] {
		wipe(p)
	}
	clear(ms)
	for _, d := range batch {
		wipe(d.data)
		w.giveDatagram(d)
	}
}

// Send gives the system messages.
func (s *packet) Send(ms []poller.Message) bool {
	if s.closed || len(ms) == 0 {
		return true
	}
	if s.busy {
		panic("sim: Send before Sent")
	}
	h := s.h
	h.note(vSendPackets, s.id, &s.local, int64(len(ms)), eOK)
	h.decodedEach(true, 0, ms, s.peer)
	check := h.w.hashMessages(ms)
	s.held, s.sent = ms, 0
	if s.strikes(LateSent) {
		s.late = true
		h.w.queue.push(h.w.now+h.w.span(LateSent), evReady, s, 0)
	} else if s.failed = s.take(); s.sent == len(ms) {
		s.held = nil
		return true
	}
	s.busy, s.heldSum = true, check
	s.wake()
	return false
}

func (s *packet) strikes(f Fault) bool {
	return s.h.strikes(f, s.h.m, s.h.m, s.local.Port(), &s.local)
}

// take gives the system what it takes, and returns the error of the message
// after that.
func (s *packet) take() errno {
	left := s.held[s.sent:]
	if s.strikes(ShortSend) {
		left = left[:s.h.w.dice.below(die(ShortSend), int64(len(left)))]
	}
	for _, m := range left {
		if e := s.transmit(m); e != eOK {
			return e
		}
		s.sent++
	}
	return eOK
}

// proceed goes on with a Send. What went out is told before there is room for more.
func (s *packet) proceed() {
	if s.closed || !s.writable() {
		return
	}
	e := s.failed
	if e == eOK && s.sent == 0 {
		e = s.take()
	}
	n := s.sent
	if e == eOK && n == 0 {
		return
	}
	s.returned()
	s.h.note(vSentPackets, s.id, &s.local, int64(n), e)
	s.handler.Sent(n, e.of("sendmmsg"))
}

// returned gives the messages back.
func (s *packet) returned() {
	if sumMessages(s.held) != s.heldSum {
		s.h.w.fail(fmt.Errorf("sim: %s: the messages of a Send from %v were changed before Sent", s.h.name, s.local))
	}
	s.busy, s.held, s.sent, s.failed = false, nil, 0, eOK
}

// sumMessages is sum for messages.
func sumMessages(ms []poller.Message) uint64 {
	h := uint64(fnvOffset)
	for i := range ms {
		h = mixBytes(mixHeader(h, &ms[i]), ms[i].Data)
	}
	return h
}

// mixHeader covers all of a message but its bytes.
func mixHeader(h uint64, m *poller.Message) uint64 {
	a, local := poller.AddrOf(m.Peer), poller.AddrOf(netip.AddrPortFrom(m.Local, 0))
	h = mixAddr(mixAddr(mix(h, uint64(len(m.Data))), &a), &local)
	return mix(mix(mix(h, uint64(m.Segment)), uint64(m.Interface)), uint64(m.TrafficClass))
}

// hashMessages is hashSent for messages, whose destinations and sizes the hash
// covers in any case. It returns their checksum.
func (w *World) hashMessages(ms []poller.Message) uint64 {
	check := sumMessages(ms)
	x := check
	if w.cfg.OpaqueData {
		x = fnvOffset
		for i := range ms {
			x = mixHeader(x, &ms[i])
		}
	}
	w.trace.hash = mix(w.trace.hash, x)
	return check
}

func (s *packet) happen(k kind, arg int64) {
	switch {
	case !s.isOpen():
	case k == evReady:
		s.late = false
		s.wake()
	}
}

func (s *packet) end() {
	n, busy := s.sent, s.busy
	s.release()
	if busy {
		s.returned()
		s.h.note(vSentPackets, s.id, &s.local, int64(n), eCLOSED)
		s.handler.Sent(n, net.ErrClosed)
	}
	s.h.note(vClosed, s.id, &s.local, 0, eOK)
	s.handler.Closed()
}

func (s *packet) abandon(bool) {
	s.closed = true
	s.release()
}

func (s *packet) release() {
	s.remove()
	k := portKey{s.local.Port(), true}
	p := s.h.m.port(k)
	p.packets = slices.DeleteFunc(p.packets, func(o *packet) bool { return o == s })
	s.h.m.leave(k)
	for _, d := range s.queue {
		s.h.w.giveDatagram(d)
	}
	s.queue = nil
}

func (s *packet) String() string {
	text := fmt.Sprintf("datagrams %v: %s, %d unread", s.local, receiving(&s.socket), len(s.queue))
	if s.peer.IsValid() {
		text += fmt.Sprintf(", connected to %v", s.peer)
	}
	if s.busy {
		text += fmt.Sprintf(", Send in flight with %d messages left", len(s.held)-s.sent)
	}
	return text
}
