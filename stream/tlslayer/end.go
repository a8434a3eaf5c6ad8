package tlslayer

import (
	"example.com/pike/poller"
	"example.com/pike/stream/tlslayer/internal/protection"
)

// Shutdown says close_notify after what is sent, and then ends the sending side of below. Receiving
// goes on.
func (s *stream) Shutdown() {
	if s.is(closed | shutting) {
		return
	}
	s.mark(shutting)
	if s.hs == nil && (s.out == nil || !s.out.busy) {
		s.endWrite()
	}
}

func (s *stream) endWrite() {
	if s.is(failed | broken) {
		return
	}
	s.notify()
	if s.push() {
		s.settle()
	}
}

// notify seals close_notify.
func (s *stream) notify() {
	o := s.output(0)
	before := len(o.cipher)
	if s.records.own != nil {
		o.cipher = s.records.own.SealAlert(o.cipher, protection.CloseNotify)
	} else {
		s.records.notify()
	}
	s.notice = uint8(len(o.cipher) - before)
	s.mark(notified) // from here on what TLS writes is dropped: an answer to an update of keys, say
}

// Close ends the stream. If the system has all that above has sent, it says close_notify and waits until
// that is with the system, too. Otherwise data is lost, and a peer must not take that for the end.
func (s *stream) Close() {
	if s.is(closed) {
		return
	}
	if s.hs == nil && !s.is(failed|abrupt) && (s.out == nil || !s.out.holds() || s.is(broken)) {
		if !s.is(notified | broken) {
			s.notify()
		}
		if s.out != nil && !s.push() {
			s.end()
			s.mark(leaving)
			return
		}
	}
	s.end()
	s.below.Close()
}

// Reset drops what the system has not sent. If we have told the peer by an alert what is wrong, it is a
// Close, because a reset would have the peer never read that. After Close it ends the wait for close_notify.
func (s *stream) Reset() {
	switch {
	case s.is(leaving):
		s.unmark(leaving)
		s.below.Reset()
	case s.is(closed):
	case s.is(alerted):
		s.Close()
	default:
		s.end()
		s.below.Reset()
	}
}

// end has nothing told any more but Sent and Closed.
func (s *stream) end() {
	s.mark(closed)
	s.unmark(started)
	if s.hs != nil {
		s.hs.abandon()
	} else if !s.is(reading) {
		s.forget()
	}
}

// onWay is up to where the system has cipher.
func (s *stream) onWay() int {
	if o := s.out; o.flying() {
		return o.flight - s.below.Unsent()
	} else {
		return o.off
	}
}

// Unsent is how many bytes of the Send in flight are in records that the system has not wholly. With
// none it is how much we have to say of our own.
func (s *stream) Unsent() int {
	o := s.out
	if o == nil || s.is(closed) && !s.is(leaving) {
		return 0
	}
	at := s.onWay()
	if !o.busy {
		return len(o.cipher) - at
	}
	n := o.left
	for _, r := range o.recs {
		if r.end > at {
			n += r.plain
		}
	}
	return min(n, o.total)
}

// Unacked implements [poller.Acker]. It counts ciphertext, so some 22 bytes a record too many. Of
// close_notify, which is nobody's data, only this is left: that something has not arrived.
func (s *stream) Unacked() int {
	a, ok := s.below.(poller.Acker)
	if !ok || s.is(failed) { // nobody will acknowledge any more
		return 0
	}
	n := a.Unacked()
	if s.out != nil {
		n += len(s.out.cipher) - s.onWay()
	}
	if n > 0 && s.is(notified) {
		n = max(1, n-int(s.notice))
	}
	return n
}
