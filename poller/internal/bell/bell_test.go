package bell_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/bell"
)

func TestRingsOnceUntilHeard(t *testing.T) {
	var b bell.Bell
	wakes := 0
	wake := func() error { wakes++; return nil }
	for round := 1; round <= 3; round++ {
		for range 5 {
			if err := b.Ring(wake); err != nil {
				t.Fatal("Ring: ", err)
			}
		}
		if wakes != round {
			t.Fatalf("%d wake-ups in %d rounds", wakes, round)
		}
		b.Heard()
	}
	if !b.Silence() || b.Silence() || !b.Silenced() {
		t.Error("Silence is not done, or done twice")
	}
	b.Ring(wake)
	if wakes != 3 {
		t.Error("a silenced bell has rung")
	}
}

// TestNoWakeAfterSilence: what a wake writes to is closed as soon as Silence returns.
func TestNoWakeAfterSilence(t *testing.T) {
	for range 200 {
		var (
			b    bell.Bell
			open atomic.Bool
			all  sync.WaitGroup
			late atomic.Int32
		)
		open.Store(true)
		for range 4 {
			all.Go(func() {
				for range 20 {
					b.Ring(func() error {
						if !open.Load() {
							late.Add(1)
						}
						return nil
					})
					b.Heard()
				}
			})
		}
		b.Silence()
		open.Store(false)
		all.Wait()
		if n := late.Load(); n > 0 {
			t.Fatalf("%d wake-ups after Silence", n)
		}
	}
}

func TestMarksAndMeasuresWaits(t *testing.T) {
	var (
		b     bell.Bell
		state atomic.Uint32
		spent time.Duration
	)
	b.StartClock()
	b.LieDown() // nobody wants to know
	b.Rise()
	b.Waited(b.Now())
	if b.Measured() {
		t.Error("nobody measures, and the bell says so")
	}
	b.MarkWaits(&state)
	for _, c := range []struct{ before, lying uint32 }{
		{poller.Polling, poller.Waiting},
		{poller.Awake, poller.Awake}, // somebody has woken it
	} {
		state.Store(c.before)
		if b.LieDown(); state.Load() != c.lying {
			t.Errorf("the state is %d after %d, want %d", state.Load(), c.before, c.lying)
		}
		if b.Rise(); state.Load() != poller.Awake {
			t.Errorf("the state is %d after Rise", state.Load())
		}
	}
	b.MeasureWaits(&spent)
	if b.Waited(b.Now().Add(-time.Hour)); !b.Measured() || spent < time.Hour {
		t.Errorf("an hour is %v", spent)
	}
}
