package sim

import "fmt"

// Send gives bufs to the system, which takes what it has room for.
func (s *stream) Send(bufs [][]byte) bool {
	if s.closed {
		return true
	}
	if s.busy {
		panic("sim: Send before Sent")
	}
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	s.h.note(vSend, s.id, &s.peer, int64(total), eOK)
	s.h.decoded(true, s.conn.port, &s.peer, bufs...)
	if total == 0 {
		return true
	}
	check := sum(bufs)
	s.h.w.hashSent(check)
	s.bufs, s.off, s.left = bufs, 0, total
	if !s.dialing && !s.dead && !s.shut {
		if s.strikes(LateSent) {
			s.late = true
			s.h.w.queue.push(s.h.w.now+s.h.w.span(LateSent), evReady, s, 0)
		} else if s.take() {
			s.bufs = nil
			return true
		}
	}
	s.busy = true
	s.held, s.heldSum = bufs, check
	s.out().await()
	s.wake()
	return false
}

// strikes is for the faults of sending.
func (s *stream) strikes(f Fault) bool {
	return s.h.strikes(f, s.h.m, s.other().h.m, s.conn.port, &s.peer)
}

// TrySend gives the system what it has room for.
func (s *stream) TrySend(p []byte) int {
	if s.busy {
		panic("sim: TrySend before Sent")
	}
	if s.closed || s.dialing || len(p) == 0 {
		return 0
	}
	if s.dead || s.shut {
		s.err = eOK // the system has told; the next Send will hear that the pipe is broken
		return 0
	}
	n := s.short(min(len(p), s.room()))
	s.h.note(vTrySend, s.id, &s.peer, int64(n), eOK)
	s.h.decoded(true, s.conn.port, &s.peer, p[:n])
	if w := s.h.w; !w.cfg.OpaqueData {
		w.trace.hash = mixBytes(w.trace.hash, p[:n])
	}
	s.out().write(p[:n])
	s.out().transmit()
	return n
}

// Unsent is what the system has not taken of the Send in flight.
func (s *stream) Unsent() int { return s.left }

// room is how much the system takes.
func (s *stream) room() int { return max(0, s.sendCap-s.out().unacked()) }

// short is what the system takes of n bytes.
func (s *stream) short(n int) int {
	if n > 0 && s.strikes(ShortSend) {
		return int(s.h.w.dice.below(die(ShortSend), int64(n)))
	}
	return n
}

// take gives the system as much as it takes and reports whether that was all.
func (s *stream) take() (all bool) {
	left := s.short(min(s.Unsent(), s.room()))
	if left > 0 && s.parcel != nil {
		s.out().attach(s.parcel)
		s.parcel = nil
	}
	for left > 0 {
		b := s.bufs[0][s.off:]
		n := min(left, len(b))
		s.out().write(b[:n])
		left -= n
		s.left -= n
		if s.off += n; s.off == len(s.bufs[0]) {
			s.bufs, s.off = s.bufs[1:], 0
		}
	}
	for len(s.bufs) > 0 && s.off == len(s.bufs[0]) { // empty ones
		s.bufs, s.off = s.bufs[1:], 0
	}
	s.out().transmit()
	s.out().await()
	return len(s.bufs) == 0
}

// proceed goes on with the Send in flight.
func (s *stream) proceed() {
	if s.closed || !s.writable() {
		return
	}
	e := eOK
	switch {
	case s.dead:
		// The first call is told why. Later ones get a broken pipe (send(2)).
		if e = s.err; e == eOK {
			e = ePIPE
		}
		s.err = eOK
	case s.shut:
		e = ePIPE
	case !s.take():
		return
	}
	s.busy = false
	s.returned()
	s.h.note(vSent, s.id, &s.peer, 0, e)
	if s.shutting {
		s.shutting = false
		s.Shutdown()
	}
	s.handler.Sent(e.of("send"))
}

// returned gives the buffers back, and checks that the owner has not changed them
// meanwhile.
func (s *stream) returned() {
	if sum(s.held) != s.heldSum {
		s.h.w.fail(fmt.Errorf("sim: %s: the buffers of a Send to %v were changed before Sent", s.h.name, s.peer))
	}
	s.held, s.bufs, s.off, s.left, s.parcel = nil, nil, 0, 0, nil
}
