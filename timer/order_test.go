package timer_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"example.com/pike/timer"
)

func TestOrder(t *testing.T) {
	lp, c := newLoop(t)
	order := ""
	note := func(name string) *timer.Timer {
		tm, err := timer.New(lp, func() { order += name })
		no(t, err)
		return tm
	}
	a, b, d, e := note("a"), note("b"), note("d"), note("e")
	no(t, a.Start(2*time.Second, 0))
	no(t, b.Start(time.Second, 0))
	no(t, d.Start(time.Second, 0))
	no(t, e.Start(time.Second, 0))
	no(t, b.Start(time.Second, 0)) // armed again: behind d and e, which are due at the same time
	c.pass(time.Minute)
	turn(t, lp)
	equal(t, "order", order, "deba")
}

func TestAtOnceIsTheNextTurn(t *testing.T) {
	for _, d := range []time.Duration{0, -1, math.MinInt64} {
		lp, _ := newLoop(t)
		fired, later := 0, 0
		_, err := timer.After(lp, d, func() {
			fired++
			_, err := timer.After(lp, d, func() { later++ })
			no(t, err)
		})
		no(t, err)
		turn(t, lp)
		equal(t, "fired", fired, 1)
		equal(t, "fired in the same turn", later, 0)
		turn(t, lp)
		equal(t, "fired in the next turn", later, 1)
	}
}

func TestOrderOfWhatIsDueAtOnce(t *testing.T) {
	lp, _ := newLoop(t)
	order := ""
	for name, d := range []time.Duration{0, -time.Hour, math.MinInt64, 0} {
		_, err := timer.After(lp, d, func() { order += strconv.Itoa(name) })
		no(t, err)
	}
	turn(t, lp)
	equal(t, "order", order, "0123")
}

// Of a batch of timers that are due, each of the first can take the later ones
// out; they do not fire, and are what was asked of them.
func TestChangesWithinABatch(t *testing.T) {
	lp, c := newLoop(t)
	fired, closes := 0, 0
	var stopped, closed, moved, again *timer.Timer
	_, err := timer.After(lp, time.Second, func() {
		equal(t, "armed", stopped.Stop(), true)
		no(t, closed.Close())
		no(t, moved.Reset(time.Minute))
		again.Stop()
		no(t, again.Start(0, 0)) // armed now: its turn is the next
	})
	no(t, err)
	never := func() { t.Error("fired") }
	stopped, err = timer.After(lp, time.Second, never)
	no(t, err)
	closed, err = timer.After(lp, 2*time.Second, never)
	no(t, err)
	closed.OnClose = func() { closes++ }
	moved, err = timer.After(lp, 2*time.Second, never)
	no(t, err)
	again, err = timer.After(lp, 2*time.Second, func() { fired++ })
	no(t, err)
	c.pass(time.Minute)
	turn(t, lp)
	equal(t, "fired", fired, 0)
	equal(t, "close callbacks", closes, 1)
	equal(t, "active, stopped", stopped.Active(), false)
	equal(t, "due, moved", moved.DueIn(), time.Minute)
	turn(t, lp)
	equal(t, "fired in the next turn", fired, 1)
}
