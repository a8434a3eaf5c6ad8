// Package sleeper has what a backend is a poller.Sleeper by.
package sleeper

import (
	"sync/atomic"

	"example.com/pike/poller"
)

// A Sleeper is for a backend to embed.
type Sleeper struct{ state *atomic.Uint32 } // nil if nobody wants to know

// MarkWaits is for poller.Sleeper.
func (s *Sleeper) MarkWaits(state *atomic.Uint32) { s.state = state }

// LieDown comes before what may block. Whoever has woken the poller meanwhile has left
// the state awake, and it stays so.
func (s *Sleeper) LieDown() {
	if s.state != nil && s.state.Load() == poller.Polling {
		s.state.CompareAndSwap(poller.Polling, poller.Waiting)
	}
}

// Rise comes after it: with a look first, as a store is seen by other cores.
func (s *Sleeper) Rise() {
	if s.state != nil && s.state.Load() != poller.Awake {
		s.state.Store(poller.Awake)
	}
}
