//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A datagram is at most 64 KiB, whatever the family.
const maxDatagram = 64 << 10

type packet struct {
	source
	offload
	h    poller.PacketHandler
	peer sys.SockaddrIn6  // if connected; family 0 if not
	out  []poller.Message // of the Send in flight, from the first not sent
	sent int              // messages of that Send that went out
	cut  int              // bytes of the first of out, a run, that went out
	busy bool
	lent bool      // others may have the descriptor
	full bool      // Sent is telling that the system has no room for more
	err  sys.Errno // how it ended

	late   []error   // of receiving, to be told
	queues bool      // the system keeps errors with their names (Options.RecvError)
	doubts uint8     // sends that were made again, of late
	doubt  sys.Errno // the error of the last of them
}

func (p *readiness) Bind(addr poller.Addr, o *poller.Options, h poller.PacketHandler) (poller.Packet, error) {
	if o == nil {
		o = new(poller.Options)
	}
	if addr.Path != "" {
		return nil, os.NewSyscallError("bind", unix.EAFNOSUPPORT)
	}
	if o.RecvError && !seesErrorQueue {
		return nil, errors.ErrUnsupported
	}
	fd, family, err := socket(addr, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	err = sys.ApplyShare(fd, family, o, o.ReuseAddr)
	if err == nil {
		err = sys.ApplyPacket(fd, family, o)
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

func (p *readiness) addPacket(fd int32, family int, o *poller.Options, h poller.PacketHandler) *packet {
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
	if s.is(started | closing) {
		return
	}
	s.mark(started)
	if e := s.arm(s.mask() | poller.Readable); e != 0 {
		s.tellLater(os.NewSyscallError(armCall, e))
	}
	if len(s.late) > 0 {
		s.failLater()
	}
}

func (s *packet) Stop() {
	s.unmark(started)
	s.arm(s.mask() &^ poller.Readable)
}

// Fd is for what pike does not know of. Others may have the socket from here on.
func (s *packet) Fd() uintptr {
	s.lent = true
	return s.source.Fd()
}

func (s *packet) Close() {
	if !s.is(closing) {
		s.shut(s)
	}
}

// Release gives the descriptor back, open and non-blocking.
func (s *packet) Release() (uintptr, error) {
	if s.is(closing) {
		return 0, net.ErrClosed
	}
	if s.busy {
		return 0, os.NewSyscallError("release", unix.EBUSY)
	}
	return s.give(s), nil
}

func (s *packet) Peer() poller.Addr { return poller.AddrOf(s.peer.AddrPort(&s.p.zones)) }

func (s *packet) Connect(peer poller.Addr) error {
	if s.is(closing) {
		return net.ErrClosed
	}
	s.forsake()
	if !peer.IsValid() {
		return s.disconnect()
	}
	sa := &s.p.sa
	e := sa.Set(peer, s.family())
	if e == 0 {
		e = sys.Connect(s.fd, sa)
	}
	if e == 0 { // the system's own: of the unspecified address it makes this machine
		e = sys.Getpeername(s.fd, sa)
	}
	if e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.peer = s.p.peerOf(s.family())
	return nil
}

// keepsOut reports whether a datagram is of a stranger. The system keeps strangers out of a
// connected socket. But their datagrams may have arrived before it was connected, or be on
// their way through the system at that moment.
func (s *packet) keepsOut(from *sys.SockaddrIn6) bool {
	return s.peer.Family != 0 && !s.peer.IsSame(from)
}

func (s *packet) Join(m poller.Membership) error  { return s.member(m, true) }
func (s *packet) Leave(m poller.Membership) error { return s.member(m, false) }

func (s *packet) member(m poller.Membership, join bool) error {
	if s.is(closing) {
		return net.ErrClosed
	}
	return sys.Membership(s.fd, s.family(), m, join)
}

func (s *packet) ready(ev poller.Events) {
	if ev&poller.Failed != 0 {
		s.takeErrors() // or what they are would be an error of the next call
		s.tellLate()
	}
	if ev&(poller.Readable|poller.Failed|poller.Hangup) != 0 {
		s.receive()
	}
	if ev&(poller.Writable|poller.Failed) != 0 && s.busy && !s.is(failing|closing) {
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
			all := lent.Of(ms)
			s.h.Received(ms, nil)
			all.Overwrite()
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

// receiveFailed tells an error that the system will not tell again. A socket that was stopped
// meanwhile is told when it starts.
func (s *packet) receiveFailed(e sys.Errno) {
	if s.is(closing) {
		return
	}
	if !s.queues || s.takeErrors() == 0 {
		s.tellLater(s.receiveError(e))
	}
	s.tellLate()
}

func (s *packet) Send(ms []poller.Message) bool {
	if s.is(closing) || len(ms) == 0 {
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
	case e == unix.EAGAIN && (n == 0 || s.cut > 0): // half a run stays with us: the next Send would begin it anew
		e = s.arm(s.mask() | poller.Writable)
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
func (s *packet) write(ms []poller.Message) (done int, e sys.Errno) {
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
	if s.sent > 0 && s.cut == 0 || e != unix.EAGAIN {
		s.complete(e)
	}
}

// complete ends the Send in flight. Where the system has no room for the rest, the
// socket stays watched for room, because the next Send is most likely that rest.
func (s *packet) complete(e sys.Errno) {
	n := s.sent
	s.busy, s.out, s.sent, s.err = false, nil, 0, 0
	if e == unix.EAGAIN {
		s.full = true
		defer s.emptied()
		s.h.Sent(n, nil)
		return
	}
	s.arm(s.mask() &^ poller.Writable)
	if e != 0 {
		s.h.Sent(n, os.NewSyscallError(s.sendCall(), e))
	} else {
		s.h.Sent(n, nil)
	}
}

// emptied is when those who had no room have been told so.
func (s *packet) emptied() {
	if s.full = false; !s.busy && !s.is(closing) {
		s.arm(s.mask() &^ poller.Writable)
	}
}

func (s *packet) refused(lost poller.Events, e sys.Errno) {
	s.lose(lost)
	if lost&poller.Readable != 0 && s.is(started) {
		s.late = append(s.late, os.NewSyscallError(armCall, e))
	}
	if lost&poller.Writable != 0 && s.busy {
		s.err = e
	}
	s.failLater()
}

func (s *packet) failLater() {
	if !s.is(failing) {
		s.mark(failing)
		s.p.failed.Push(s)
	}
}

func (s *packet) fail() {
	s.unmark(failing)
	s.tellLate()
	switch {
	case !s.busy || s.is(closing):
	case s.err != 0:
		s.complete(s.err)
	case s.sent > 0 && s.cut == 0:
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
