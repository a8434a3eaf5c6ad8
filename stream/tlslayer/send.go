package tlslayer

import (
	"os"
	"syscall"

	"example.com/pike/poller"
)

// sendBudget is how much is sealed in one go, before others have their turn.
const sendBudget = 1 << 20

// Send seals bufs and sends that. It is done when the system has it all, so that who sends waits for the
// peer as without TLS.
func (s *stream) Send(bufs [][]byte) bool {
	if s.is(closed) {
		return true
	}
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	if total == 0 && s.out == nil && s.hs == nil && !s.is(failed|broken|shutting) {
		return true
	}
	o := s.output(total)
	o.busy, o.bufs, o.at, o.left, o.total = true, bufs, 0, total, total
	if s.is(failed | broken | shutting) {
		return s.refuse()
	}
	o.skip(min(o.taken+o.ahead, total))
	switch {
	case s.hs != nil: // what is sent waits for the keys
		return false
	case !s.push():
		return false
	case o.left > 0:
		return s.refuse()
	}
	s.over()
	return true
}

// refuse has Sent tell that the Send has failed.
func (s *stream) refuse() bool {
	s.mark(refused)
	s.later()
	return false
}

// sendError is why nothing can be sent.
func (s *stream) sendError() error {
	if s.err != nil && !s.is(shutting) {
		return s.err
	}
	return os.NewSyscallError("send", syscall.EPIPE)
}

// over is when what above sends is out, or never will be.
func (s *stream) over() {
	o := s.out
	o.busy, o.bufs, o.at, o.left, o.total, o.passed = false, nil, 0, 0, 0, 0
	s.settle()
}

// sent completes the Send of above. A refusal that Flush was to tell is told by this.
func (s *stream) sent(err error) {
	s.unmark(refused)
	s.over()
	if s.is(shutting) && !s.is(notified) {
		s.endWrite()
	}
	s.above.Sent(err)
	s.told()
}

// push sends what is sealed and seals more. It reports whether nothing is left that can be.
func (s *stream) push() bool {
	o := s.out
	for budget := sendBudget; s.flush(); budget -= s.seal() {
		switch {
		case s.hs != nil, s.is(failed | broken): // what above sends has to wait, or is refused
			return true
		case o.left == 0, s.is(refused): // nothing may follow close_notify
			if s.is(notified) && s.is(shutting) && !s.is(finished) {
				s.mark(finished)
				s.below.Shutdown() // not sooner, or the end overtakes close_notify
			}
			return true
		case budget <= 0:
			s.later()
			return false
		}
	}
	return false
}

// flush sends what is sealed, and reports whether all of it is with the system.
func (s *stream) flush() bool {
	o := s.out
	switch {
	case o.flying():
		return false
	case len(o.cipher) == o.off:
		return true
	}
	o.lent[0] = o.cipher[o.off:]
	if !s.below.Send(o.lent[:]) {
		o.flight = len(o.cipher)
		return false
	}
	o.off = len(o.cipher)
	s.landed()
	return true
}

// pushed goes on sending, inside an upcall.
func (s *stream) pushed() {
	if !s.push() {
		return
	}
	switch o := s.out; {
	case !o.busy:
		s.settle()
	case s.hs != nil:
	case o.left > 0, s.is(refused):
		s.sent(s.sendError())
	default:
		s.sent(nil)
	}
}

// seal seals some of what above sends, and returns how much.
func (s *stream) seal() (n int) {
	o := s.out
	s.enlarge(o.left)
	for o.left > 0 && n < sealMost {
		p := o.next(s.pool)
		if _, ok := s.protect(p, o.left == 0); !ok {
			o.left += len(p)
			return n
		}
		n += len(p)
	}
	return n
}

// TrySend seals as much of p as the system takes, and the rest of what is sealed at a time. It
// says of a record only when the system has it wholly.
func (s *stream) TrySend(p []byte) (taken int) {
	if s.is(failed|broken|shutting|closed) || s.hs != nil || len(p) == 0 {
		return 0
	}
	o := s.output(len(p))
	if o.flying() {
		return 0
	}
	for {
		if len(o.cipher) > o.off {
			o.off += s.below.TrySend(o.cipher[o.off:])
			s.landed()
		}
		n := min(o.taken, len(p))
		o.taken -= n
		taken += n
		p = p[n:]
		if len(p) == 0 || len(o.cipher) > o.off || s.is(broken) {
			s.settle()
			return taken
		}
		s.enlarge(len(p))
		for n = 0; n < len(p) && n < sealMost; {
			q := p[n:min(len(p), n+maxPlaintext)]
			out, ok := s.protect(q, n+len(q) == len(p))
			if !ok {
				break
			}
			n += len(q)
			o.taken += out
			o.ahead += len(q) - out
		}
	}
}

// Sent is when the stream below has sent what it had.
func (l *lower) Sent(err error) {
	s := (*stream)(l)
	o := s.out
	switch {
	case s.is(leaving):
		if o.off, o.flight = o.flight, 0; err == nil && !s.push() {
			return
		}
		s.unmark(leaving)
		s.below.Close()
	case s.is(closed), o == nil:
	case err != nil:
		s.sendFailed(err)
	default:
		o.off, o.flight = o.flight, 0
		s.landed()
		s.pushed()
	}
}

// sendFailed tells above that nothing can be sent any more. Who sends is told by Sent. Else it was
// something of our own that has met the loss of the connection, and nobody will tell of that again.
func (s *stream) sendFailed(err error) {
	o := s.out
	s.mark(failed)
	o.drop()
	if s.err == nil && !s.is(wireEnded) {
		s.err = err
	}
	switch {
	case s.hs != nil:
		s.mark(wireEnded)
		s.hs.received(nil)
	case o.busy:
		s.sent(err)
	default:
		s.settle()
		f, ok := s.below.(poller.Foreteller)
		if n := 0; ok && !s.is(onBelow) {
			if n, _ = f.Untold(); n > 0 {
				return // that comes first
			}
		}
		s.mark(wireEnded)
		s.arrived(nil)
	}
}
