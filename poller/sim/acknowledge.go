package sim

import "example.com/pike/poller"

// An ack is the news on its way to a sender that bytes have arrived.
type ack struct {
	at  poller.Time // Never: it was lost
	n   int         // bytes
	fin bool        // and the end of the stream
}

// A receiver may wait this long for more to acknowledge at once, unless it has two
// full segments (RFC 9293, 3.8.6.3; TCP_DELACK_MIN of Linux). It waits one time in
// delayedOneIn, because Linux does not wait at the beginning and after a pause. What a
// machine sends to itself is acknowledged at once.
const (
	delayMost    = 40 * millisecond
	delayedOneIn = 4
	twoSegments  = 2 * 1448
)

// Unacked is how much the peer's system has not acknowledged.
func (s *stream) Unacked() int {
	p := s.out()
	if !s.isOpen() {
		return 0
	}
	n := p.unacked()
	if p.fin != finNone && !p.finAcked {
		n++ // the end counts as a byte (RFC 9293, 3.4)
	}
	return n
}

// unacked is what the sender's system has to keep.
func (p *pipe) unacked() int {
	p.hear()
	return p.kept
}

// hear takes the acknowledgements that have come by now.
func (p *pipe) hear() {
	n := 0
	for n < len(p.acks) && p.acks[n].at <= p.conn.w.now {
		p.kept -= p.acks[n].n
		p.finAcked = p.finAcked || p.acks[n].fin
		n++
	}
	if n > 0 {
		p.acks = p.acks[:copy(p.acks, p.acks[n:])]
	}
}

// await has the sender told of the next one, if it waits for room.
func (p *pipe) await() {
	if !p.src.busy || len(p.acks) == 0 {
		return
	}
	if at := p.acks[0].at; at < p.awaited || p.awaited == 0 && at != poller.Never {
		p.awaited = at
		p.conn.w.queue.push(at, evAck, p, 0)
	}
}

// heard is the arrival of an acknowledgement. The sender awaits it, or another one has
// overtaken it.
func (p *pipe) heard() {
	p.awaited = 0
	// Linux reports room when a third of the buffer is free (sk_stream_is_writeable).
	if s := p.src; s.room() >= s.sendCap/3 {
		s.wake()
	}
	p.await()
}

// acknowledge has the receiver's system answer what has just arrived.
func (p *pipe) acknowledge(n int, fin bool) {
	w, back := p.conn.w, p.dst.h.m.link(p.src.h.m)
	a := ack{at: poller.Never, n: n, fin: fin}
	if back.up() {
		a.at = back.arrival(0)
		if n < twoSegments && !fin && p.src.h.m != p.dst.h.m && w.dice.below(dieAck, delayedOneIn) == 0 {
			a.at += w.dice.between(dieAck, 0, delayMost)
		}
	}
	p.cover(a)
	if a.at == poller.Never && p.askWait == 0 {
		p.askWait, p.askSince = retryFirst, w.now
		w.queue.push(p.again(p.askWait, p.askSince), evAskAgain, p, 0)
	}
	p.await()
}

// cover adds an acknowledgement. It is also one of everything that was sent before.
func (p *pipe) cover(a ack) {
	for last := len(p.acks) - 1; last >= 0 && p.acks[last].at >= a.at; last-- {
		a.n += p.acks[last].n
		a.fin = a.fin || p.acks[last].fin
		p.acks = p.acks[:last]
	}
	p.acks = append(p.acks, a)
}

// askAgain sends what has arrived once more, because its acknowledgement was lost.
func (p *pipe) askAgain() {
	w, back := p.conn.w, p.dst.h.m.link(p.src.h.m)
	last := len(p.acks) - 1
	switch {
	case last < 0 || p.acks[last].at != poller.Never || p.src.gone:
		p.askWait = 0 // a later acknowledgement has come through
	case !p.dst.h.m.off && back.up() && back.back.up():
		p.askWait = 0
		a := p.acks[last]
		p.acks = p.acks[:last]
		a.at = back.arrival(0) + back.back.delay()
		p.cover(a)
		p.await()
	case w.now-p.askSince >= p.giveUp():
		p.src.dies(eTIMEDOUT)
	default:
		p.askWait = min(2*p.askWait, retryMost)
		w.queue.push(p.again(p.askWait, p.askSince), evAskAgain, p, 0)
	}
}

// unheard ends the acknowledgements of a connection that is dead: what has not been
// acknowledged by now never will be.
func (p *pipe) unheard() {
	p.hear()
	p.acks = nil
}
