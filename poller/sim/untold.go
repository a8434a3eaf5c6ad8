package sim

import "example.com/pike/poller"

// Untold is what the next Polls have to tell.
func (s *stream) Untold() (n int, ev poller.Events) {
	if s.closed {
		return 0, 0
	}
	if s.dialing {
		if s.answered {
			ev = poller.Writable
		}
		return 0, ev
	}
	if s.readable() {
		n, ev = s.in().arrived, poller.Readable
	}
	// With less room than that nobody is woken; see heard.
	if s.writable() && (s.queued || s.dead || s.shut || s.room() >= s.sendCap/3) {
		ev |= poller.Writable
	}
	return n, ev
}

var _ poller.Foreteller = (*stream)(nil)
