package poller

import "sync/atomic"

// A sleeper is what a backend is a Sleeper by.
type sleeper struct{ state *atomic.Uint32 } // nil if nobody wants to know

func (s *sleeper) MarkAwake(state *atomic.Uint32) { s.state = state }

// rise says that no more is waited for: a look first, as most Polls under load did not
// wait, and a store is seen by other cores.
func (s *sleeper) rise() {
	if s.state != nil && s.state.Load() != 0 {
		s.state.Store(0)
	}
}
