package poller

import "sync/atomic"

// A sleeper is what a backend is a Sleeper by.
type sleeper struct{ state *atomic.Uint32 } // nil if nobody wants to know

func (s *sleeper) MarkWaits(state *atomic.Uint32) { s.state = state }

// lieDown comes before what may block. Whoever has woken the poller meanwhile has left
// the state awake, and it stays so.
func (s *sleeper) lieDown() {
	if s.state != nil && s.state.Load() == Polling {
		s.state.CompareAndSwap(Polling, Waiting)
	}
}

// rise comes after it: with a look first, as a store is seen by other cores.
func (s *sleeper) rise() {
	if s.state != nil && s.state.Load() != Awake {
		s.state.Store(Awake)
	}
}
