package sim

import "example.com/pike/poller"

// Untold is what the next Polls have to tell. In a simulation a callback takes long if it reads
// the clock very often. After it the world has yet to catch up. Nobody knows before the next
// Poll what has arrived by now, so everything may have.
func (s *stream) Untold() (n int, ev poller.Events) {
	behind := s.h.w.queue.first() < s.h.w.now
	switch {
	case s.closed:
		return 0, 0
	case s.dialing:
		if s.answered || behind {
			ev = poller.Writable
		}
		return 0, ev
	case s.readable():
		n, ev = s.in().arrived, poller.Readable
	case behind && s.started && !s.ended:
		ev = poller.Readable
	}
	// With less room than that nobody is woken; see heard.
	if s.writable() && (s.queued || s.dead || s.shut || s.room() >= s.sendCap/3) || behind && s.busy {
		ev |= poller.Writable
	}
	return n, ev
}

var _ poller.Foreteller = (*stream)(nil)
