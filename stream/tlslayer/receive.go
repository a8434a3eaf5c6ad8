package tlslayer

import (
	"bytes"
	"io"

	"example.com/pike/poller"
)

// Received is what the stream below has to tell.
func (l *lower) Received(p []byte, err error) {
	s := (*stream)(l)
	switch {
	case s.is(closed):
	case s.is(readEnded): // after close_notify nothing matters but a loss
		if err != nil && err != io.EOF {
			s.lost(err)
		}
	case err != nil:
		s.mark(wireEnded)
		s.unmark(onBelow)
		if err != io.EOF {
			s.err = err
		}
		fallthrough
	default:
		if s.hs != nil {
			s.hs.received(p)
		} else {
			s.arrived(p)
		}
	}
}

// arrived delivers what had been kept and p, and keeps what is not wanted yet. That is
// ciphertext, and less than what one upcall of below brings, as below is stopped then.
func (s *stream) arrived(p []byte) {
	if s.records.own != nil {
		s.arrivedOwn(p)
		return
	}
	kept := len(s.wire.in) > 0
	if kept {
		p = append(s.wire.in, p...)
	}
	s.wire.in = p
	defer s.rest(kept) // also where the owner panics (rule 11): p is the poller's
	s.deliver()
}

// rest keeps what was not opened, and has below go on if that is no whole record.
func (s *stream) rest(kept bool) {
	s.unmark(reading)
	switch {
	case s.is(released):
		return
	case len(s.wire.in) == 0, s.is(closed | readEnded):
		s.wire.in = nil
	case !kept:
		s.wire.in = bytes.Clone(s.wire.in)
	}
	switch {
	case s.is(closed | readEnded):
	case s.wants() && s.opens(): // the owner has panicked
		s.stopBelow()
		s.later()
	case s.wants() && (len(s.wire.in) == 0 || !s.opens()):
		s.startBelow()
	default:
		s.stopBelow()
		if s.is(wireEnded) && s.err != nil && len(s.wire.in) == 0 && s.held == nil && !s.is(started) {
			s.endRead(s.err) // a loss is told to who is stopped, too, if nothing is before it
		}
	}
}

// deliver opens records until there is no more, or nobody who wants it.
func (s *stream) deliver() {
	s.mark(reading)
	if p := s.held; p != nil && s.is(started) {
		s.held = nil
		s.data(p)
	}
	for s.wants() && s.opens() {
		before := s.wire.wrote
		n, err := s.records.open(s.pool.plain)
		if own := s.wire.wrote - before; own > 0 {
			s.answer(own, err != nil && err != errWait)
		}
		if n > 0 { // also with an error: crypto/tls looks ahead
			s.data(s.pool.plain[:n])
		}
		if err != nil && err != errWait && !s.is(closed) {
			s.endRead(err)
		}
	}
}

// ownMost is how much of our own may wait for the peer. A peer that asks for new keys with each
// byte, and reads nothing, has us answer each time: beyond this nothing of it is read.
const ownMost = 64 << 10

func (s *stream) crowded() bool { return s.out != nil && s.out.own > ownMost }

// answer sends what opening a record has written: the answer to an update of keys, or an alert.
func (s *stream) answer(own int, fatal bool) {
	if fatal {
		s.mark(alerted | broken)
	}
	if o := s.out; o != nil {
		o.own += own
		if !o.busy {
			s.pushed()
		}
	}
}

// endRead tells above the end: close_notify, or what stands for it.
func (s *stream) endRead(err error) {
	if s.is(readEnded | closed) {
		return
	}
	s.mark(readEnded)
	s.unmark(started)
	s.stopBelow()
	switch {
	case err == s.err: // the loss, of a stream that is stopped
	case s.wire.cut && s.err != nil:
		err = s.err
	case s.wire.cut: // crypto/tls says io.EOF for a FIN between two records, as for close_notify
		err = &Error{"read", s.below.Peer(), errTruncated}
	case err == io.EOF:
		s.mark(gotNotice)
		if w, ok := poller.As[poller.EndWatcher](s.below); ok && s.depth > 0 {
			w.WatchEnd() // TLS below tells of a loss only after its own close_notify
		}
	default:
		s.mark(broken)
		err = &Error{"read", s.below.Peer(), cause(err)}
	}
	s.above.Received(nil, err)
	s.told()
}

// lost tells a loss after the peer's close_notify, unless nothing is lost: a peer need not wait
// for our close_notify (RFC 8446, 6.1), and often resets what comes after it has closed.
func (s *stream) lost(err error) {
	if !s.is(gotNotice) || s.err != nil {
		return
	}
	s.err = err
	if s.is(notified) && (s.out == nil || !s.out.busy) && s.Unacked() <= 1 {
		return
	}
	s.above.Received(nil, err)
	s.told()
}

// Untold implements [poller.Foreteller]. What there is below is ciphertext. Before the handshake is over it is, as
// of a dial, that there may be an answer.
func (s *stream) Untold() (n int, ev poller.Events) {
	if s.is(closed) {
		return 0, 0
	}
	if f, ok := s.below.(poller.Foreteller); ok {
		n, ev = f.Untold()
	}
	if s.hs != nil {
		if ev != 0 {
			ev = poller.Writable
		}
		return 0, ev
	}
	if kept := len(s.wire.in) + len(s.held); s.is(started) && kept > 0 {
		n, ev = n+kept, ev|poller.Readable
	}
	return n, ev
}
