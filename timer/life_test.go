package timer_test

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"
	"weak"

	"example.com/pike/timer"
)

func TestStates(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	tm, err := timer.New(lp, func() { fired++ })
	no(t, err)
	equal(t, "active, new", tm.Active(), false)
	equal(t, "due, new", tm.DueIn(), 0)
	equal(t, "stopped, new", tm.Stop(), false)
	equal(t, "loop", tm.Loop(), lp)

	no(t, tm.Start(time.Second, 0))
	equal(t, "active", tm.Active(), true)
	equal(t, "due", tm.DueIn(), time.Second)
	c.pass(400 * time.Millisecond)
	equal(t, "due later", tm.DueIn(), 600*time.Millisecond)
	no(t, tm.Reset(time.Minute)) // moves it
	equal(t, "due, moved", tm.DueIn(), time.Minute)
	c.pass(2 * time.Minute)
	equal(t, "due, overdue", tm.DueIn(), 0)

	equal(t, "stopped", tm.Stop(), true)
	equal(t, "active, stopped", tm.Active(), false)
	equal(t, "stopped again", tm.Stop(), false)
	equal(t, "due, stopped", tm.DueIn(), 0)
	equal(t, "alive", lp.Alive(), false)
	turn(t, lp)
	equal(t, "fired", fired, 0)

	no(t, tm.Reset(time.Second))
	no(t, lp.Run())
	equal(t, "fired", fired, 1)
	equal(t, "active, fired", tm.Active(), false)
	equal(t, "stopped, fired", tm.Stop(), false)
}

func TestMisuse(t *testing.T) {
	lp, _ := newLoop(t)
	nothing := func() {}
	_, err := timer.New(lp, nil)
	is(t, err, os.ErrInvalid)
	_, err = timer.After(lp, time.Second, nil)
	is(t, err, os.ErrInvalid)
	for _, d := range []time.Duration{0, -1} {
		_, err = timer.Every(lp, d, nothing)
		is(t, err, os.ErrInvalid)
	}
	tm, err := timer.New(lp, nothing)
	no(t, err)
	is(t, tm.Start(time.Second, -1), os.ErrInvalid)
	is(t, tm.Again(), os.ErrInvalid)
	is(t, tm.SetPeriod(-1), os.ErrInvalid)
	equal(t, "active after misuse", tm.Active(), false)
	equal(t, "alive after misuse", lp.Alive(), false)
	no(t, tm.Start(time.Second, time.Second))
	is(t, tm.Start(time.Minute, -1), os.ErrInvalid)
	equal(t, "due after misuse", tm.DueIn(), time.Second)
	equal(t, "period after misuse", tm.Period(), time.Second)
}

func TestClose(t *testing.T) {
	for _, armed := range []bool{false, true} {
		lp, c := newLoop(t)
		tm, err := timer.New(lp, func() { t.Error("a closed timer fired") })
		no(t, err)
		closes := 0
		tm.OnClose = func() {
			closes++
			is(t, tm.Close(), net.ErrClosed)
		}
		if armed {
			no(t, tm.Start(0, time.Second))
		}
		no(t, tm.Close())
		equal(t, "closing", tm.Closing(), true)
		equal(t, "active", tm.Active(), false)
		equal(t, "close callbacks inside Close", closes, 0)
		is(t, tm.Close(), net.ErrClosed)
		is(t, tm.Start(0, 0), net.ErrClosed)
		is(t, tm.Reset(0), net.ErrClosed)
		is(t, tm.ResetAt(lp.Now()), net.ErrClosed)
		is(t, tm.Again(), net.ErrClosed)
		is(t, tm.SetPeriod(1), net.ErrClosed)
		equal(t, "stopped", tm.Stop(), false)
		equal(t, "due", tm.DueIn(), 0)
		equal(t, "alive", lp.Alive(), true)
		no(t, lp.Run())
		c.pass(time.Minute)
		turn(t, lp)
		equal(t, "close callbacks", closes, 1)
	}
}

func TestLoopCloseClosesArmedTimers(t *testing.T) {
	lp, _ := newLoop(t)
	closes := 0
	tm, err := timer.After(lp, time.Second, func() { t.Error("fired") })
	no(t, err)
	tm.OnClose = func() { closes++ }
	no(t, lp.Close())
	equal(t, "close callbacks", closes, 1)
	is(t, tm.Start(0, 0), net.ErrClosed)
	_, err = timer.After(lp, 0, func() {})
	is(t, err, net.ErrClosed)
	equal(t, "stopped", tm.Stop(), false)
	is(t, tm.Close(), net.ErrClosed)
}

func TestUnref(t *testing.T) {
	lp, c := newLoop(t)
	fired := 0
	tm, err := timer.Every(lp, time.Second, func() { fired++ })
	no(t, err)
	tm.Unref()
	equal(t, "alive", lp.Alive(), false)
	no(t, lp.Run())
	equal(t, "fired", fired, 0)
	_, err = timer.After(lp, 3500*time.Millisecond, func() {})
	no(t, err)
	no(t, lp.Run()) // while something else keeps the loop running, it fires
	equal(t, "fired", fired, 3)
	equal(t, "time", c.now, start.Add(3500*time.Millisecond))
	tm.Ref()
	equal(t, "alive", lp.Alive(), true)
	no(t, tm.Close())
	no(t, lp.Run())
}

// While a timer is not armed the loop does not refer to it.
func TestForgottenTimersAreCollected(t *testing.T) {
	lp, _ := newLoop(t)
	forgotten := map[string]weak.Pointer[timer.Timer]{}
	forget := func(name string, end func(*timer.Timer)) {
		tm, err := timer.After(lp, time.Second, func() {})
		no(t, err)
		end(tm)
		forgotten[name] = weak.Make(tm)
	}
	forget("fired", func(*timer.Timer) { no(t, lp.Run()) })
	forget("stopped", func(tm *timer.Timer) { tm.Stop() })
	forget("closed", func(tm *timer.Timer) { no(t, tm.Close()); no(t, lp.Run()) })
	_, err := timer.After(lp, time.Hour, func() {}) // the loop goes on
	no(t, err)
	turn(t, lp)
	runtime.GC()
	for name, p := range forgotten {
		if p.Value() != nil {
			t.Errorf("a timer that was %s stays in memory", name)
		}
	}
	runtime.KeepAlive(lp)
}
