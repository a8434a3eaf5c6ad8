//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"io"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A stream is 64 bytes on 64-bit systems, which is a line of their caches, and all
// that the poller keeps of an idle connection besides its slot; a test holds that.
type stream struct {
	source
	h   poller.StreamHandler
	out *sending // nil with no Send in flight and nothing to tell
	ip  [16]byte // of the peer, IPv4 mapped; its port and scope are in source
}

func (s *stream) Start() {
	if s.is(started | gotEnd | closing) {
		return
	}
	s.mark(started)
	if !s.is(dialing) { // or else it is done when that has ended
		s.watch(s.directions() | poller.Readable)
	}
}

// directions is what s is watched for, of Readable and Writable. After the end a stream may
// be watched for Readable still, to no purpose: see finish.
func (s *stream) directions() poller.Events {
	if s.is(gotEnd) {
		return s.mask() & poller.Writable
	}
	return s.mask() & (poller.Readable | poller.Writable)
}

// arm has the system watch for mask. A stream that only receives is watched by edges if it
// is edgeable: with level-triggered events the system looks at each socket once more after
// the event, to find that nothing is left, and that is a thirtieth of an echo. Edges need a
// socket where a short read says that nothing is left, which is a TCP socket of our own. On a
// unix-domain socket a read also ends where descriptors were passed (unix(7)), and of an
// adopted socket nobody knows. A stream that neither receives nor sends is watched for the
// loss of its connection, until that was told.
func (s *stream) arm(mask poller.Events) sys.Errno {
	now := marks(mask)
	switch {
	case mask == poller.Readable && s.is(edgeable):
		now = receiving
	case mask == 0 && s.awaits():
		now = ending
	case mask == 0 && !s.lost():
		now = losing
	case mask == poller.Writable && s.awaits():
		now |= endAwaited
	}
	return s.armAs(now)
}

// What a stream is watched for that neither receives nor sends, by edges so that each
// comes once: losing is that the connection is gone, and ending that or the peer's end.
const (
	losing = byEdge
	ending = byEdge | marks(poller.PeerClosed) | endAwaited
)

// watch arms; a refusal is an error of receiving.
func (s *stream) watch(mask poller.Events) { s.unreceivable(s.arm(mask)) }

// unreceivable has e told, unless it is none, as an error of receiving.
func (s *stream) unreceivable(e sys.Errno) {
	if e != 0 {
		s.pending().recvErr = e
		s.failLater()
	}
}

// SetHandler changes the owner, who is told what comes from here on.
func (s *stream) SetHandler(h poller.StreamHandler) { s.h = h }

func (s *stream) Stop() {
	s.unmark(started | endAwaited)
	s.arm(s.directions() &^ poller.Readable)
}

// setPeer keeps the address in sa. Of a unix-domain socket it keeps nothing: peers seldom
// have a name, and the system call has then left in sa what was there before.
func (s *stream) setPeer(sa *sys.Sockaddr) {
	if s.local() {
		return
	}
	switch in := (*sys.SockaddrIn6)(unsafe.Pointer(&sa.Raw)); in.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa.Raw))
		s.ip, s.port = netip.AddrFrom4(in.Addr).As16(), in.Port
	case unix.AF_INET6:
		s.ip, s.port, s.scope = in.Addr, in.Port, in.Scope_id
	}
}

func (s *stream) Peer() poller.Addr {
	if s.local() {
		return s.localPeer()
	}
	if s.ip == [16]byte{} && s.port == 0 { // nothing is kept
		return poller.Addr{}
	}
	in := sys.SockaddrIn6{RawSockaddrInet6: unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: s.port, Addr: s.ip, Scope_id: s.scope}}
	return poller.AddrOf(in.AddrPort(&s.p.zones))
}

// localPeer asks the system, because a path is longer than all else that a stream keeps. A
// peer that was not bound has no name. Once the socket is closed there is nobody to ask.
func (s *stream) localPeer() poller.Addr {
	if s.fd < 0 || s.is(dialing) || sys.Getpeername(s.fd, &s.p.sa) != 0 {
		return poller.Addr{}
	}
	return s.p.sa.Addr(&s.p.zones)
}

func (s *stream) Close() {
	switch {
	case s.is(closing):
	case s.detached():
		s.discard()
	default:
		s.shut(s)
	}
}

func (s *stream) Reset() {
	if s.is(closing) {
		return
	}
	s.mark(reset)
	sys.SetOption(s.fd, s.family(), poller.Linger, 0) // a failure leaves an orderly close
	s.Close()
}

// Shutdown tells the system once. If the peer has acknowledged our end, a BSD takes a second
// shutdown to mean that nobody reads any more, and drops what arrives (tcp_usrclosed in
// netinet/tcp_usrreq.c).
func (s *stream) Shutdown() {
	if s.is(closing | shutting) {
		return
	}
	s.mark(shutting)
	if !s.is(dialing) && (s.out == nil || !s.out.busy) {
		s.shutdown()
	}
}

func (s *stream) shutdown() {
	unix.Shutdown(int(s.fd), unix.SHUT_WR) // fails only when the connection is gone
}

// ready receives before it sends: what arrived before a reset comes first, and
// the error stays for the receiving side, which tells a reset from an end.
func (s *stream) ready(ev poller.Events) {
	if s.is(closing) { // by another of the batch
		return
	}
	if s.is(dialing) {
		s.dialed(ev)
		return
	}
	if ev&^poller.Writable != 0 {
		s.receive(ev)
	}
	if ev&(poller.Writable|poller.Failed|poller.Hangup) != 0 && s.out != nil && s.out.busy && !s.is(failing|closing) {
		s.proceed()
	}
	if ev&(poller.Failed|poller.Hangup|poller.PeerClosed) != 0 && !s.is(started) && !s.lost() {
		s.seek(ev)
	}
}

// receive goes on after a short read where the event said that there is more than
// data.
func (s *stream) receive(ev poller.Events) {
	if s.takesFiles() {
		s.receiveFiles()
		return
	}
	for range recvsPerPoll {
		if !s.is(started) {
			return
		}
		buf := s.p.buf
		n, e := s.p.queue.recv(s.fd, buf, s.lent())
		switch {
		case e == unix.EAGAIN:
			// A read that has come to an urgent byte while a signal is pending returns this,
			// too (tcp_recvmsg_locked in net/ipv4/tcp.c): there is data behind the byte.
			if ev&(poller.Readable|poller.Priority) == poller.Readable|poller.Priority {
				s.unreceivable(s.again())
			}
			return
		case e == unix.EINTR:
			continue
		case e != 0:
			s.finish(os.NewSyscallError("recv", e))
			return
		case n == 0 && s.is(reset): // a send was given the error, so that this looks like an end
			s.finish(os.NewSyscallError("recv", unix.ECONNRESET))
			return
		case n == 0:
			s.finish(io.EOF)
			return
		}
		s.h.Received(buf[:n], nil)
		lent.Overwrite(buf[:n])
		if n < len(buf) && ev&^(poller.Readable|poller.Writable) == 0 || s.takesFiles() { // from here on by receiveFiles
			return
		}
	}
	if s.is(started) {
		s.unreceivable(s.again())
	}
}

// again has the system say once more what it says once.
func (s *stream) again() sys.Errno {
	if !s.harmless() {
		return 0
	}
	return s.rearm()
}

// finish ends the receiving side. A stream that is watched by edges stays so, as most are
// closed next: after EOF nothing new comes but the loss of the connection, and after that
// nothing at all.
func (s *stream) finish(err error) {
	if s.mark(gotEnd); err != io.EOF {
		s.mark(reset)
	}
	s.unmark(started)
	if !s.harmless() {
		s.arm(s.directions())
	}
	s.h.Received(nil, err)
}

// dialed looks at how a connect ended (connect(2), EINPROGRESS).
func (s *stream) dialed(ev poller.Events) {
	v := s.failure()
	if v == 0 && sys.Getpeername(s.fd, &s.p.sa) == unix.ENOTCONN && ev&(poller.Failed|poller.Hangup) == 0 {
		return // not yet: the event was none
	}
	if v != 0 {
		s.source.arm(0)
		s.connected(v)
		return
	}
	// What was asked for meanwhile begins.
	var mask poller.Events
	if s.is(started) {
		mask = poller.Readable
	}
	if s.out != nil && s.out.busy {
		mask |= poller.Writable
	}
	s.watch(mask)
	s.connected(0)
}

// connected ends a dial.
func (s *stream) connected(e sys.Errno) {
	s.unmark(dialing)
	if e != 0 {
		s.unmark(started)
		s.mark(gotEnd | reset)
		s.h.Connected(os.NewSyscallError("connect", e))
		return
	}
	if s.is(shutting) && (s.out == nil || !s.out.busy) {
		s.shutdown()
	}
	s.h.Connected(nil)
}

func (s *stream) refused(lost poller.Events, e sys.Errno) {
	s.lose(lost)
	o := s.pending()
	switch {
	case s.is(dialing):
		o.err = e
	default:
		if lost&poller.Readable != 0 && s.is(started) {
			o.recvErr = e
		}
		if lost&poller.Writable != 0 && o.busy {
			o.err = e
		}
	}
	s.failLater()
}

// failLater has fail called by Poll.
func (s *stream) failLater() {
	if !s.is(failing) {
		s.mark(failing)
		s.p.failed.Push(s)
	}
}

// fail tells what went wrong in a call.
func (s *stream) fail() {
	s.unmark(failing)
	if s.is(closing) || s.out == nil {
		return
	}
	if s.is(dialing) {
		e := s.out.err
		s.out.err = 0
		if !s.out.busy {
			s.putOut()
		}
		s.connected(e)
		return
	}
	e := s.out.recvErr
	if s.out.recvErr = 0; e != 0 && s.is(started) {
		s.finish(os.NewSyscallError(armCall, e))
	}
	if s.is(closing) || s.out == nil {
		return
	}
	if s.out.busy && s.out.err != 0 {
		s.sent(s.out.err)
	} else if !s.out.busy {
		s.putOut()
	}
}

func (s *stream) end() {
	if !s.is(gotEnd) && !s.is(reset) && s.fd >= 0 {
		sys.Discard(s.fd)
	}
	s.quicken()
	s.release()
	busy := s.out != nil && s.out.busy
	if s.out != nil {
		s.putOut()
	}
	if s.h == nil { // nobody took it
		return
	}
	if busy {
		s.h.Sent(net.ErrClosed)
	}
	s.h.Closed()
}

// Prefetch loads the one line of the cache that a stream is.
func (s *stream) Prefetch() byte { return byte(s.marks) }
