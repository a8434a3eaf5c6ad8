package iocp

import (
	"io"
	"net"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A stream is 160 bytes, and all that the poller keeps of an idle connection
// besides its place in the live list; a test holds that.
type stream struct {
	source
	recv     op // of no bytes; while dialing, the connect
	handler  poller.StreamHandler
	out      *sending // nil with no Send in flight and nothing to tell
	recvErr  uint32   // how recv ended, or could not begin, also as a connect
	readable bool     // recv has completed, and what it announced is not taken yet
	gotEnd   bool     // EOF or an error was received
	dialing  bool
	reset    bool // Close drops what is unsent; or the peer did
	shutting bool // Shutdown waits for the Send in flight
	lent     bool // may have a time to linger; see quicken
	spoken   bool // and is done: there is no more to send
	awaits   bool // WatchEnd was called
	loose    bool // the port does not know of it yet; see associate
	halved   bool // is in the poller's list of those whose peer has ended
	keep     sys.KeepAlive
	peer     sys.SockaddrIn6 // last: a message touches what is before it only
}

func (s *stream) Start() {
	if s.started || s.gotEnd || s.closing {
		return
	}
	s.started, s.awaits = true, false
	s.await()
}

// WatchEnd has EOF told too while s is stopped.
func (s *stream) WatchEnd() {
	if !s.started && !s.gotEnd && !s.closing {
		s.awaits = true
		s.await()
	}
}

// await has what there is told, or else what comes.
func (s *stream) await() {
	if s.readable {
		s.later(s)
	} else {
		s.arm()
	}
}

// arm begins the receive that tells when there is something. A stream that is stopped
// has it too, for the loss of its connection; data that it announces then waits for
// Start.
func (s *stream) arm() {
	if s.recv.out || s.readable || s.gotEnd || s.closing || s.dialing { // a dial uses the operation
		return
	}
	e := s.associate()
	if e == 0 {
		s.prepare(&s.recv, s)
		e = sys.WsaRecvNothing(s.h, &s.p.scratch, 0, s.recv.system())
	}
	if s.began(&s.recv, e) {
		return
	}
	s.p.seen++
	s.recvErr, s.readable = uint32(e), true
	s.later(s)
}

// SetHandler changes the owner, who is told what comes from here on.
func (s *stream) SetHandler(h poller.StreamHandler) { s.handler = h }

func (s *stream) Stop() { s.started, s.awaits = false, false }

func (s *stream) Peer() poller.Addr { return poller.AddrOf(s.peer.AddrPort(&s.p.zones)) }

func (s *stream) Close() {
	switch {
	case s.closing:
	case s.detached():
		s.discard()
	default:
		s.shut(s)
	}
}

func (s *stream) Reset() {
	if s.closing {
		return
	}
	s.reset = true
	sys.SetLinger(s.h, 0) // a failure leaves an orderly close
	s.Close()
}

func (s *stream) Shutdown() {
	switch {
	case s.closing:
	case s.dialing, s.out != nil && s.out.busy:
		s.shutting = true
	default:
		s.spoken = true
		windows.Shutdown(s.h, windows.SHUT_WR) // fails only when the connection is gone
	}
}

func (s *stream) completed(o *op, n int, e sys.Errno) {
	switch {
	case o != &s.recv:
		s.wrote(n, e)
	case s.dialing:
		s.dialed(e)
	default:
		s.recvErr, s.readable = uint32(e), true
		s.receive()
	}
}

// proceed receives before it sends: what arrived before a reset comes first.
func (s *stream) proceed() {
	if s.readable || !s.recv.out && !s.dialing { // or a panic has cut short what was before arm
		s.receive()
	}
	if !s.closing && s.out != nil && s.out.busy && !s.out.op.out && !s.failing {
		s.goOn()
	}
}

// receive takes what has been announced.
func (s *stream) receive() {
	for range recvsPerPoll {
		if !s.started {
			s.seek()
			return
		}
		buf := s.p.buf
		n, e := sys.Recv(s.h, buf)
		switch {
		case e == windows.WSAEWOULDBLOCK && s.recvErr == 0:
			s.readable = false
			s.arm()
			return
		case s.recvErr != 0 && (e != 0 || n == 0):
			// What ended the operation is what the system means: asked again, Wine 8
			// has forgotten it.
			s.finish(sys.CallError("wsarecv", sys.Errno(s.recvErr)))
			return
		case e != 0:
			s.finish(sys.CallError("recv", e))
			return
		case n == 0 && s.reset: // a send has had the error, and left this looking like an end
			s.finish(sys.CallError("recv", windows.WSAECONNRESET))
			return
		case n == 0:
			s.finish(io.EOF)
			return
		}
		short := n < len(buf) && s.recvErr == 0
		if short { // before the upcall, which may stop and start
			s.readable = false
		}
		s.handler.Received(buf[:n], nil)
		lent.Overwrite(buf[:n])
		if short {
			s.rearm()
			return
		}
	}
	s.later(s)
}

// rearm goes on after an upcall, in which anything may have happened.
func (s *stream) rearm() {
	if !s.closing && !s.readable {
		s.arm()
	}
}

// finish ends the receiving side.
func (s *stream) finish(err error) {
	s.gotEnd, s.readable = true, false
	if s.Stop(); err == io.EOF {
		s.halve()
	} else {
		s.reset = true
	}
	s.handler.Received(nil, err)
}

// fail tells what went wrong in a call.
func (s *stream) fail() {
	switch {
	case s.dialing:
		s.connected(sys.Errno(s.recvErr))
	case s.out != nil && s.out.busy && s.out.err != 0:
		// What arrived before a reset comes first, and tells a reset from an end.
		s.receive()
		if !s.closing {
			s.sent(s.out.err)
		}
	}
}

func (s *stream) end() {
	if !s.gotEnd && !s.reset && !s.dialing {
		// The system answers a close that leaves bytes unread with a reset, which
		// may destroy what we sent before the peer has read it (RFC 1122,
		// 4.2.2.13).
		for range discardsOnClose {
			if n, e := sys.Recv(s.h, s.p.buf); e != 0 || n < len(s.p.buf) {
				break
			}
		}
	}
	s.quicken()
	s.release()
	busy := s.out != nil && s.out.busy
	if s.out != nil {
		s.putOut()
	}
	if s.handler == nil { // nobody took it
		return
	}
	if busy {
		s.handler.Sent(net.ErrClosed)
		if s.p.Silenced() {
			return
		}
	}
	s.handler.Closed()
}

func (s *stream) abandon() {
	s.quicken()
	s.release()
}

// quicken is before the handle is closed. With a time to linger that would wait for
// what is unsent, or, the socket being non-blocking, fail (closesocket, Remarks).
func (s *stream) quicken() {
	if !s.lent || s.reset {
		return
	}
	if v, err := sys.GetOption(s.h, int(s.family), poller.Linger); err == nil && v > 0 {
		sys.SetLinger(s.h, -1)
	}
}

// Fd is for what pike does not know of, a time to linger say.
func (s *stream) Fd() uintptr {
	s.lent = true
	return s.source.Fd()
}

func (s *stream) SetOption(o poller.Option, v int) error {
	if s.closing {
		return net.ErrClosed
	}
	s.lent = s.lent || o == poller.Linger
	return s.keep.SetOption(s.h, int(s.family), o, v)
}

func (s *stream) Option(o poller.Option) (int, error) {
	if s.closing {
		return 0, net.ErrClosed
	}
	return s.keep.Option(s.h, int(s.family), o)
}
