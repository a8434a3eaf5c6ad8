package timer_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/timer"
)

func every(t testing.TB, lp *loop.Loop, d time.Duration, fn func()) *timer.Timer {
	t.Helper()
	tm, err := timer.Every(lp, d, fn)
	no(t, err)
	return tm
}

func TestEvery(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	var tm *timer.Timer
	tm = every(t, lp, time.Second, func() {
		fired++
		equal(t, "time", c.now, start.Add(time.Duration(fired)*time.Second))
		equal(t, "active", tm.Active(), true)
		equal(t, "due", tm.DueIn(), time.Second) // armed again already
		if fired == 5 {
			equal(t, "stopped", tm.Stop(), true)
		}
	})
	equal(t, "period", tm.Period(), time.Second)
	no(t, lp.Run())
	equal(t, "fired", fired, 5)
	equal(t, "active", tm.Active(), false)
}

// A wait that takes too long each time does not add up.
func TestEveryDoesNotDrift(t *testing.T) {
	lp, c := newLoop(t)
	c.oversleep = 300 * time.Millisecond
	fired := 0
	var tm *timer.Timer
	tm = every(t, lp, time.Second, func() {
		if fired++; fired == 100 {
			tm.Stop()
		}
	})
	no(t, lp.Run())
	equal(t, "time", c.now, start.Add(100*time.Second+c.oversleep))
}

// A loop that was too busy for some firings skips them: one comes late, and the
// next when it would have come anyway.
func TestEveryDoesNotCatchUp(t *testing.T) {
	for _, late := range []time.Duration{
		1, time.Second - 1, time.Second, time.Second + 1, 3 * time.Second, 10*time.Second + 500*time.Millisecond,
	} {
		lp, c := newLoop(t)
		var fired []poller.Time
		tm := every(t, lp, time.Second, func() { fired = append(fired, c.now) })
		c.pass(time.Second + late)
		turn(t, lp)
		turn(t, lp)
		turn(t, lp)
		equal(t, "fired while late", len(fired), 1)
		next := late/time.Second + 2 // of the seconds since start, the first still to come
		equal(t, "due", c.now.Add(tm.DueIn()), start.Add(next*time.Second))
		c.now = start.Add(next*time.Second) - 1
		turn(t, lp)
		equal(t, "fired before it is due", len(fired), 1)
		c.pass(1)
		turn(t, lp)
		equal(t, "fired when it is due", len(fired), 2)
	}
}

// A callback that takes longer than the period has a turn to itself each time:
// the loop goes round in between.
func TestEverySlowerThanItsCallback(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	every(t, lp, time.Millisecond, func() {
		fired++
		c.pass(10 * time.Millisecond)
	})
	c.pass(time.Millisecond)
	for i := range 10 {
		turn(t, lp)
		equal(t, "fired", fired, i+1)
	}
}

func TestStartWithAnotherPeriod(t *testing.T) {
	lp, c := newLoop(t)
	var fired []time.Duration
	var tm *timer.Timer
	tm, err := timer.New(lp, func() {
		if fired = append(fired, c.now.Sub(start)); len(fired) == 3 {
			tm.Stop()
		}
	})
	no(t, err)
	no(t, tm.Start(0, 10*time.Second))
	no(t, lp.Run())
	equal(t, "fired", [3]time.Duration(fired), [3]time.Duration{0, 10 * time.Second, 20 * time.Second})
}

func TestResetKeepsThePeriod(t *testing.T) {
	lp, c := newLoop(t)
	var fired []time.Duration
	var tm *timer.Timer
	tm = every(t, lp, 10*time.Second, func() {
		switch fired = append(fired, c.now.Sub(start)); len(fired) {
		case 2:
			no(t, tm.Reset(time.Second)) // repeats from there
		case 4:
			no(t, tm.Close())
		}
	})
	no(t, lp.Run())
	want := [4]time.Duration{10 * time.Second, 20 * time.Second, 21 * time.Second, 31 * time.Second}
	equal(t, "fired", [4]time.Duration(fired), want)
}

// Where a callback has run long Reset counts from its end, and ResetAt from where it says.
func TestResetAtCountsFromTheTurn(t *testing.T) {
	lp, c := newLoop(t)
	var fired []time.Duration
	tm := every(t, lp, 10*time.Second, func() { fired = append(fired, c.now.Sub(start)) })
	tm.Unref()
	_, err := timer.After(lp, time.Second, func() {
		now := lp.Now()
		c.pass(700 * time.Millisecond)
		no(t, tm.ResetAt(now.Add(time.Second)))
		equal(t, "due", tm.DueIn(), 300*time.Millisecond)
		no(t, tm.Reset(time.Second))
		equal(t, "due, counted from the call", tm.DueIn(), time.Second)
		no(t, tm.ResetAt(now.Add(time.Second)))
	})
	no(t, err)
	_, err = timer.After(lp, 12500*time.Millisecond, func() {})
	no(t, err)
	no(t, lp.Run())
	equal(t, "fired", [2]time.Duration(fired), [2]time.Duration{2 * time.Second, 12 * time.Second}) // the period is kept

	equal(t, "period", tm.Period(), 10*time.Second)
	tm.Stop()
	no(t, tm.ResetAt(start)) // long past, and arms what is stopped
	equal(t, "active", tm.Active(), true)
	equal(t, "due, past", tm.DueIn(), 0)
	turn(t, lp)
	equal(t, "firings", len(fired), 3)
	no(t, tm.ResetAt(poller.Never))
	equal(t, "due, never", tm.DueIn(), poller.Never.Sub(c.now))
}

func TestAgain(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	tm := every(t, lp, time.Second, func() { fired++ })
	for range 10 { // what keeps it from firing
		c.pass(900 * time.Millisecond)
		no(t, tm.Again())
		turn(t, lp)
	}
	equal(t, "fired", fired, 0)
	c.pass(time.Second)
	turn(t, lp)
	equal(t, "fired", fired, 1)
	tm.Stop()
	no(t, tm.Again()) // also arms a timer that is stopped
	equal(t, "due", tm.DueIn(), time.Second)
}

func TestSetPeriod(t *testing.T) {
	lp, c := newLoop(t)
	var fired []time.Duration
	var tm *timer.Timer
	tm, err := timer.After(lp, time.Second, func() {
		switch fired = append(fired, c.now.Sub(start)); len(fired) {
		case 2: // armed already, for 6 s; what follows is changed
			no(t, tm.SetPeriod(time.Second))
		case 4:
			no(t, tm.SetPeriod(0)) // the next is the last
		}
	})
	no(t, err)
	no(t, tm.SetPeriod(2500*time.Millisecond)) // a one-shot becomes a repeating timer
	equal(t, "due", tm.DueIn(), time.Second)
	no(t, lp.Run())
	want := [5]time.Duration{
		time.Second, 3500 * time.Millisecond, 6 * time.Second, 7 * time.Second, 8 * time.Second,
	}
	equal(t, "fired", [5]time.Duration(fired), want)
	equal(t, "period", tm.Period(), 0)
}

func TestCloseInsideItsCallback(t *testing.T) {
	for _, period := range []time.Duration{0, time.Second} {
		lp, c := newLoop(t)
		fired, closes := 0, 0
		var tm *timer.Timer
		tm, err := timer.New(lp, func() {
			fired++
			no(t, tm.Close())
		})
		no(t, err)
		tm.OnClose = func() { closes++ }
		no(t, tm.Start(time.Second, period))
		no(t, lp.Run())
		c.pass(time.Minute)
		turn(t, lp)
		equal(t, "fired", fired, 1)
		equal(t, "close callbacks", closes, 1)
		equal(t, "alive", lp.Alive(), false)
	}
}

func TestStartAndStopInsideItsCallback(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	var tm *timer.Timer
	tm, err := timer.After(lp, 0, func() {
		fired++
		no(t, tm.Start(time.Second, 0))
		if fired == 3 {
			tm.Stop()
		}
	})
	no(t, err)
	no(t, lp.Run())
	equal(t, "fired", fired, 3)
	equal(t, "time", c.now, start.Add(2*time.Second))
	equal(t, "alive", lp.Alive(), false)
	lp.Walk(func(h loop.Handle) { t.Errorf("a %T is left on the loop", h) })
}
