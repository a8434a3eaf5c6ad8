package sim

import "example.com/pike/poller"

// Untold is what the next Polls have to tell. After a callback that took long, which is one
// that read the clock very often, the world has yet to catch up. What has arrived by now is
// not known before the next Poll, so anything may have arrived.
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
