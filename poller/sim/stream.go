package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"

	"example.com/pike/poller"
)

// A stream is one end of a connection, as its process and the system hold it.
type stream struct {
	socket
	conn    *conn
	side    uint8 // which of conn.ends
	handler poller.StreamHandler
	peer    poller.Addr
	cred    poller.Cred // of the peer's process, in unix domains

	dialing   bool // Connected has not been called
	answered  bool // the system knows how the dial ended
	connected bool
	ended     bool  // EOF or an error was received
	lost      bool  // an error was received, and nothing more will be
	awaits    bool  // EOF is told also while the stream is stopped
	dead      bool  // the system has given the connection up, for err
	gone      bool  // the process has no part in it any more
	aborted   bool  // the system has no part in it either: it was reset, or the machine lost power
	err       errno // not told yet
	cause     errno // why it is dead

	reset    bool // by Reset
	shutting bool // Shutdown waits for the Send in flight
	shut     bool // Shutdown is done
	probing  bool
	probes   int32
	quiet    poller.Time // since when the peer does not answer, while probing
	recvCap  int         // bytes of the system's buffers
	sendCap  int

	busy    bool // a Send is in flight
	late    bool // and nothing of it may be taken yet
	held    [][]byte
	heldSum uint64
	bufs    [][]byte // of held, from the first that is not wholly taken
	off     int      // bytes of bufs[0] that are
	left    int      // bytes of bufs that are not

	taking bool    // files are told
	parcel []*file // that go with the first byte of bufs, until that is taken
}

func (s *stream) other() *stream { return &s.conn.ends[1-s.side] }
func (s *stream) out() *pipe     { return &s.conn.pipes[s.side] }
func (s *stream) in() *pipe      { return &s.conn.pipes[1-s.side] }

const (
	recvsPerPoll   = 16       // of one stream
	recvBufferSize = 64 << 10 // bytes an upcall gets at most
	wiped          = 0xDB     // what memory is overwritten with that was lent to an upcall
)

// Peer is the address of the other end. Of unix domains the backends ask the system for it, which
// knows no more when the socket is closed, and nothing before it is connected.
func (s *stream) Peer() poller.Addr {
	if s.family == unixDomain && (s.dialing || !s.isOpen()) {
		return poller.Addr{}
	}
	return s.peer
}

// PeerCred is the process at the other end.
func (s *stream) PeerCred() (poller.Cred, error) {
	switch {
	case s.closed:
		return poller.Cred{}, net.ErrClosed
	case s.family != unixDomain:
		return poller.Cred{}, errors.ErrUnsupported
	}
	return s.cred, nil
}

// Start begins delivery.
func (s *stream) Start() {
	if s.started || s.ended || s.closed {
		return
	}
	s.started, s.awaits = true, false
	s.h.note(vStart, s.id, &s.peer, 0, eOK)
	s.wake()
}

// WatchEnd has EOF told too while s is stopped.
func (s *stream) WatchEnd() {
	if !s.started && !s.ended && !s.closed {
		s.awaits = true
		s.wake()
	}
}

// SetHandler changes the owner, who is told what comes from here on.
func (s *stream) SetHandler(h poller.StreamHandler) { s.handler = h }

// Stop suspends delivery.
func (s *stream) Stop() {
	s.awaits = false
	if s.started {
		s.started = false
		s.h.note(vStop, s.id, &s.peer, 0, eOK)
	}
}

// Close ends the stream: what the system has taken is still delivered.
func (s *stream) Close() {
	switch {
	case s.closed:
	case s.away:
		s.discard()
	default:
		s.retire(s, &s.peer)
	}
}

// Reset ends it, and drops what the system has not sent.
func (s *stream) Reset() {
	if s.closed {
		return
	}
	s.reset = true
	s.h.note(vReset, s.id, &s.peer, 0, eOK)
	s.Close()
}

// Shutdown ends the sending side.
func (s *stream) Shutdown() {
	switch {
	case s.closed || s.shut || s.shutting:
	case s.busy || s.dialing:
		s.shutting = true
		s.h.note(vShutLater, s.id, &s.peer, 0, eOK)
	default:
		s.shut = true
		s.h.note(vShutdown, s.id, &s.peer, 0, eOK)
		s.out().finish()
	}
}

// readable reports whether there is something to receive. The loss of a connection is
// received also after EOF. It is received while the stream is stopped, too, if nothing that
// arrived is before it.
func (s *stream) readable() bool {
	in := s.in()
	switch {
	case !s.connected || s.lost || s.handler == nil: // nobody has accepted it
		return false
	case s.ended: // and whoever has sent may have been told
		return s.dead && s.err != eOK
	case s.started:
		return in.arrived > 0 || in.fin == finArrived || s.dead
	}
	return in.arrived == 0 && (s.dead || s.awaits && in.fin == finArrived && !in.forgot)
}

// writable reports whether the Send in flight can go on.
func (s *stream) writable() bool {
	return s.busy && !s.late && !s.dialing && (s.dead || s.shut || s.room() > 0)
}

// wake has Poll look at s if there is something to do.
func (s *stream) wake() {
	if s.dialing && s.answered || s.readable() || s.writable() {
		s.h.tellSoon(s)
	}
}

func (s *stream) tell() bool {
	if s.dialing {
		if s.answered {
			s.tellConnected()
		}
		return !s.closed && !s.dialing && (s.readable() || s.writable())
	}
	sendFirst := s.h.w.dice.below(dieOrder, 2) == 0
	if sendFirst {
		s.proceed()
	}
	s.receive()
	if !sendFirst {
		s.proceed()
	}
	return !s.closed && (s.readable() || s.writable())
}

func (s *stream) tellConnected() {
	s.dialing = false
	s.h.note(vConnected, s.id, &s.peer, 0, s.err)
	if s.err == eOK {
		s.connected = true
		if s.shutting && !s.busy {
			s.shutting = false
			s.Shutdown()
		}
		s.handler.Connected(nil)
		return
	}
	e := s.err
	s.err, s.ended, s.dead, s.cause = eOK, true, true, e
	s.handler.Connected(e.of("connect"))
}

// receive hands over what has arrived, in pieces of the seed's choosing.
func (s *stream) receive() {
	h := s.h
	for range recvsPerPoll {
		if s.closed || !s.readable() {
			return
		}
		in := s.in()
		if in.arrived == 0 {
			s.receiveEnd(in)
			return
		}
		n := min(in.arrived, recvBufferSize)
		if n > 1 && h.strikes(SplitRead, s.other().h.m, h.m, s.conn.port, &s.peer) {
			n = 1 + int(h.w.dice.below(die(SplitRead), int64(n)-1))
		}
		n, files := in.unpack(n)
		p := h.w.lend(n)
		in.read(p)
		h.note(vReceived, s.id, &s.peer, int64(n), eOK)
		h.decoded(false, s.conn.port, &s.peer, p)
		if files == nil {
			s.handler.Received(p, nil)
		} else if !s.receiveFiles(p, files) {
			return
		}
		wipe(p)
		if h.w.dice.below(dieBatch, 4) == 0 {
			return
		}
	}
}

func (s *stream) receiveEnd(in *pipe) {
	if orderly := in.fin == finArrived && !in.forgot; orderly && !s.ended && (s.started || !s.dead) {
		s.ended, s.started = true, false
		s.h.note(vEnded, s.id, &s.peer, 0, eOK)
		s.handler.Received(nil, io.EOF)
		return
	}
	if s.started || !s.busy { // otherwise the Send asks first
		s.err = eOK
	}
	s.ended, s.started, s.lost = true, false, true
	e := s.cause
	if e == ePIPE { // a reset that follows the peer's end
		e = eCONNRESET
	}
	s.h.note(vReceived, s.id, &s.peer, 0, e)
	s.handler.Received(nil, e.of("recv"))
}

// lend is memory for an upcall.
func (w *World) lend(n int) []byte {
	if n > len(w.buf) {
		w.buf = make([]byte, max(n, 4<<10))
	}
	return w.buf[:n:n]
}

// wipe makes memory that was lent to an upcall useless, so that a program that has kept
// it will notice.
func wipe(p []byte) {
	for len(p) > 0 {
		p = p[copy(p, wipedBytes):]
	}
}

var wipedBytes = bytes.Repeat([]byte{wiped}, 4<<10)

// dies has the system give the connection up. What has arrived can still be
// received; nothing more will.
func (s *stream) dies(e errno) {
	if s.dead || s.gone {
		return
	}
	s.dead, s.err, s.cause = true, e, e
	s.out().unheard()
	s.out().stop()
	s.in().discard()
	s.wake()
}

func (s *stream) happen(k kind, arg int64) {
	switch k {
	case evAnswer:
		s.answer(errno(arg))
	case evReset:
		s.resetByPeer()
	case evProbe:
		s.probed()
	case evReady:
		s.late = false
		if !s.closed {
			s.wake()
		}
	}
}

// resetByPeer is the arrival of a reset. Linux keeps what has not been read yet;
// other systems do not.
func (s *stream) resetByPeer() {
	in := s.in()
	if in.fin == finArrived && s.out().fin == finArrived { // both ways have ended: there is no connection any more
		return
	}
	if in.arrived > 0 && !s.dead && !s.gone && s.h.strikes(DropUnread, s.other().h.m, s.h.m, s.conn.port, &s.peer) {
		in.forget()
	}
	if in.fin == finArrived && !in.forgot { // the peer had closed: Linux calls that EPIPE (tcp_reset)
		s.dies(ePIPE)
	} else {
		s.dies(eCONNRESET)
	}
}

func (s *stream) end() {
	s.drop(false, s.reset || s.opt.linger == 0)
	h := s.h
	if s.busy {
		s.busy = false
		s.returned()
		h.note(vSent, s.id, &s.peer, 0, eCLOSED)
		if s.handler != nil {
			s.handler.Sent(net.ErrClosed)
		}
	}
	h.note(vClosed, s.id, &s.peer, 0, eOK)
	if s.handler != nil {
		s.handler.Closed()
	}
}

func (s *stream) abandon(vanish bool) {
	s.closed = true
	s.busy, s.held, s.bufs, s.left = false, nil, nil, 0
	// The system answers a close that leaves bytes unread with a reset (RFC 1122,
	// 4.2.2.13). When a handler calls Close the backends read these bytes first. For a
	// process that ends nobody reads them.
	s.drop(vanish, s.in().arrived > 0)
}

func (s *stream) String() string {
	text := fmt.Sprintf("stream %v -> %v: ", s.local, s.peer)
	switch {
	case s.dialing:
		text += "dialing"
	case s.dead:
		text += "dead by " + s.cause.String()
	default:
		text += receiving(&s.socket)
	}
	if n := s.in().arrived; n > 0 {
		text += fmt.Sprintf(", %d bytes unread", n)
	}
	if s.in().fin == finArrived && !s.ended {
		text += ", the end unread"
	}
	if s.busy {
		text += fmt.Sprintf(", Send in flight with %d bytes left", s.Unsent())
	}
	return text + s.out().state()
}

// SetOption also changes the sizes of the buffers.
func (s *stream) SetOption(o poller.Option, v int) error {
	err := s.socket.SetOption(o, v)
	if err == nil && (o == poller.RecvBuffer || o == poller.SendBuffer) {
		s.recvCap, s.sendCap = int(s.opt.recvBuffer), int(s.opt.sendBuffer)
	}
	return err
}
