// Package bell has what backends share about a wait: the clock, the wake-up that ends it,
// and those who want to know of it.
package bell

import (
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// A Bell is for a backend to embed. Ring, Time and Now may be called by any goroutine, all else by the
// poller's own.
type Bell struct {
	base  time.Time
	state *atomic.Uint32 // of poller.Sleeper; nil if nobody wants to know
	waits *time.Duration // of poller.Waiter; nil if nobody wants to know

	rung     atomic.Bool // a wake-up is on its way
	mu       sync.Mutex  // a ring is under way
	silenced bool
}

// StartClock makes now the beginning of time.
func (b *Bell) StartClock() { b.base = time.Now() }

// Now is the monotonic clock of package time.
func (b *Bell) Now() poller.Time { return poller.Time(time.Since(b.base)) }

// Time is for poller.Timekeeper: base does not change while anybody posts.
func (b *Bell) Time() poller.Time { return b.Now() }

// Ring has wake called, unless a wake-up is on its way already. Once the bell is silenced
// it does nothing: what wake would write to may be somebody else's by then.
func (b *Bell) Ring(wake func() error) error {
	if b.rung.Swap(true) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silenced {
		return nil
	}
	return wake()
}

// Heard has the next Ring wake again. A poller calls it when a wait has brought something,
// before any handler: one that panics out of Poll leaves the rest of the batch for later, and
// with the wake-up in that rest nobody could wake the poller meanwhile. A wake-up that is
// still to come costs a turn, no more.
func (b *Bell) Heard() {
	if b.rung.Load() { // a store is seen by other cores
		b.rung.Store(false)
	}
}

// Silence comes before the poller is closed: when it returns, no wake is under way, and none
// will be. It reports false if that was so already.
func (b *Bell) Silence() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.silenced
	b.silenced = true
	return !was
}

// Silenced reports whether the poller is closed.
func (b *Bell) Silenced() bool { return b.silenced }

// MarkWaits is for poller.Sleeper.
func (b *Bell) MarkWaits(state *atomic.Uint32) { b.state = state }

// LieDown comes before what may block. Whoever has woken the poller meanwhile has left
// the state awake, and it stays so.
func (b *Bell) LieDown() {
	if b.state != nil && b.state.Load() == poller.Polling {
		b.state.CompareAndSwap(poller.Polling, poller.Waiting)
	}
}

// Rise comes after it: with a look first, as a store is seen by other cores.
func (b *Bell) Rise() {
	if b.state != nil && b.state.Load() != poller.Awake {
		b.state.Store(poller.Awake)
	}
}

// MeasureWaits is for poller.Waiter. A wait that finds something at once has not waited,
// however long the call took. So a backend whose waits are measured looks before it blocks.
func (b *Bell) MeasureWaits(d *time.Duration) { b.waits = d }

// Measured reports whether somebody wants to know how long waits block.
func (b *Bell) Measured() bool { return b.waits != nil }

// Waited counts a call that could block, and began then.
func (b *Bell) Waited(began poller.Time) {
	if b.waits != nil {
		*b.waits += b.Now().Sub(began)
	}
}
