//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A datagram is at most 64 KiB, whatever the family.
const maxDatagram = 64 << 10

type packet struct {
	source
	offload
	h    PacketHandler
	peer sockaddrIn6 // if connected; family 0 if not
	out  []Message   // of the Send in flight, from the first not sent
	sent int         // messages of that Send that went out
	cut  int         // bytes of the first of out, a run, that went out
	busy bool
	lent bool  // others may have the descriptor
	full bool  // what is being told is that the system has no room for more
	err  errno // how it ended

	late   []error // of receiving, to be told
	queues bool    // the system keeps errors with their names (Options.RecvError)
	doubts uint8   // sends that were made again, of late
	doubt  errno   // the error of the last of them
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
		err = p.control(fd, o)
	}
	if err == nil {
		err = bindTo(fd, family, addr, &p.sa)
	}
	if err != nil {
		unix.Close(int(fd))
		return nil, err
	}
	s := p.addPacket(fd, family, o, h)
	s.lent = o.Control != nil
	return s, nil
}

func (p *readiness) addPacket(fd int32, family int, o *Options, h PacketHandler) *packet {
	if p.packets == nil {
		p.packets = newPacketBuffers()
	}
	s := &packet{h: h, queues: o.RecvError}
	s.open(fd, family)
	s.setOffload(o)
	p.add(s, &s.source)
	return s
}

func (s *packet) Start() {
	if s.is(started | closed) {
		return
	}
	s.mark(started)
	if e := s.arm(s.mask() | Readable); e != 0 {
		s.tellLater(os.NewSyscallError(armCall, e))
	}
	if len(s.late) > 0 {
		s.failLater()
	}
}

func (s *packet) Stop() {
	s.unmark(started)
	s.arm(s.mask() &^ Readable)
}

// Fd is for what pike does not know of. Others may have the socket from here on.
func (s *packet) Fd() uintptr {
	s.lent = true
	return s.source.Fd()
}

func (s *packet) Close() {
	if !s.is(closed) {
		s.shut(s)
	}
}

// Release gives the descriptor back, open and non-blocking.
func (s *packet) Release() (uintptr, error) {
	if s.is(closed) {
		return 0, net.ErrClosed
	}
	if s.busy {
		return 0, os.NewSyscallError("release", unix.EBUSY)
	}
	return s.give(s), nil
}

func (s *packet) Peer() Addr { return AddrOf(s.peer.addrPort(&s.p.zones)) }

func (s *packet) Connect(peer Addr) error {
	if s.is(closed) {
		return net.ErrClosed
	}
	s.forsake()
	if !peer.IsValid() {
		return s.disconnect()
	}
	sa := &s.p.sa
	e := sa.set(peer, s.family())
	if e == 0 {
		e = connect(s.fd, sa)
	}
	if e == 0 { // the system's own: of the unspecified address it makes this machine
		e = getpeername(s.fd, sa)
	}
	if e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = s.p.peerOf(s.family())
	return nil
}

// keepsOut reports whether a datagram from somebody is of a stranger. The system keeps
// strangers out of a connected socket, but not those whose datagrams came before, of
// which some may be on their way within it still.
func (s *packet) keepsOut(from *sockaddrIn6) bool {
	return s.peer.Family != 0 && !s.peer.isSame(from)
}

func (s *packet) Join(m Membership) error  { return s.member(m, true) }
func (s *packet) Leave(m Membership) error { return s.member(m, false) }

func (s *packet) member(m Membership, join bool) error {
	if s.is(closed) {
		return net.ErrClosed
	}
	return membership(s.fd, s.family(), m, join)
}

func (s *packet) ready(ev Events) {
	if ev&Failed != 0 {
		s.takeErrors() // or what they are would be an error of the next call
		s.tellLate()
	}
	if ev&(Readable|Failed|Hangup) != 0 {
		s.receive()
	}
	if ev&(Writable|Failed) != 0 && s.busy && !s.is(failing|closed) {
		s.proceed()
	}
}

func (s *packet) receive() {
	bytes := 0
	for range batchesPerPoll {
		if !s.is(started) {
			return
		}
		ms, full, e := s.p.packets.receive(s)
		for i := range ms {
			bytes += len(ms[i].Data)
		}
		if len(ms) > 0 {
			all := lent(ms)
			s.h.Received(ms, nil)
			all.overwrite()
		}
		if e != 0 && e != unix.EAGAIN && e != unix.EINTR {
			s.receiveFailed(e)
			return // level-triggered: what is behind the error comes with the next Poll
		}
		if e != 0 || !full || bytes >= packetBytesPerPoll {
			return
		}
	}
}

// receiveFailed tells an error that the system has told us, and will not tell
// again: of a socket that was stopped meanwhile, when it starts.
func (s *packet) receiveFailed(e errno) {
	if s.is(closed) {
		return
	}
	if !s.queues || s.takeErrors() == 0 {
		s.tellLater(s.receiveError(e))
	}
	s.tellLate()
}

func (s *packet) Send(ms []Message) bool {
	if s.is(closed) || len(ms) == 0 {
		return true
	}
	if s.busy {
		panic("poller: Send before Sent")
	}
	s.cut = 0
	n, e := 0, unix.EAGAIN
	if !s.full {
		n, e = s.write(ms)
	}
	if n == len(ms) {
		return true
	}
	s.busy, s.out, s.sent = true, ms[n:], n
	switch {
	case e == unix.EAGAIN && n == 0:
		e = s.arm(s.mask() | Writable)
	case e == unix.EAGAIN: // what went out is told before the wait for room
		e = 0
		s.failLater()
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
	for done < len(ms) {
		n, e := s.p.packets.send(s, ms[done:])
		done += n
		if e != 0 && e != unix.EINTR {
			return done, e
		}
	}
	return done, 0
}

func (s *packet) proceed() {
	n, e := s.write(s.out)
	s.out, s.sent = s.out[n:], s.sent+n
	if s.sent > 0 || e != unix.EAGAIN {
		s.complete(e)
	}
}

// complete ends the Send in flight. Where the system has no room for the rest, the
// socket stays watched for it, as the next Send is most likely that rest.
func (s *packet) complete(e errno) {
	n := s.sent
	s.busy, s.out, s.sent, s.err = false, nil, 0, 0
	if e == unix.EAGAIN {
		s.full = true
		defer s.emptied()
		s.h.Sent(n, nil)
		return
	}
	s.arm(s.mask() &^ Writable)
	if e != 0 {
		s.h.Sent(n, os.NewSyscallError(s.sendCall(), e))
	} else {
		s.h.Sent(n, nil)
	}
}

// emptied is when those who had no room have been told so.
func (s *packet) emptied() {
	if s.full = false; !s.busy && !s.is(closed) {
		s.arm(s.mask() &^ Writable)
	}
}

func (s *packet) refused(lost Events, e errno) {
	s.lose(lost)
	if lost&Readable != 0 && s.is(started) {
		s.late = append(s.late, os.NewSyscallError(armCall, e))
	}
	if lost&Writable != 0 && s.busy {
		s.err = e
	}
	s.failLater()
}

func (s *packet) failLater() {
	if !s.is(failing) {
		s.mark(failing)
		s.p.failed.push(s)
	}
}

func (s *packet) fail() {
	s.unmark(failing)
	s.tellLate()
	switch {
	case !s.busy || s.is(closed):
	case s.err != 0:
		s.complete(s.err)
	case s.sent > 0:
		s.complete(unix.EAGAIN)
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
