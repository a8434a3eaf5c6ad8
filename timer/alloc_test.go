//go:build !race && !pikedebug

package timer_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

// Race and debug builds look up goroutines, which allocates.

func TestArmingAllocatesNothing(t *testing.T) {
	lp, _ := newLoop(t)
	var timers []*timer.Timer
	for i := range 100 {
		tm, err := timer.After(lp, time.Duration(i)*time.Second, func() {})
		no(t, err)
		timers = append(timers, tm)
	}
	i := 0
	for name, arm := range map[string]func(*timer.Timer){
		"Reset":          func(tm *timer.Timer) { tm.Reset(time.Duration(i) * 7 * time.Millisecond) },
		"ResetAt":        func(tm *timer.Timer) { tm.ResetAt(start.Add(time.Duration(i) * 7 * time.Millisecond)) },
		"Stop and Start": func(tm *timer.Timer) { tm.Stop(); tm.Start(time.Duration(i)*time.Second, 0) },
	} {
		n := testing.AllocsPerRun(10_000, func() {
			i++
			arm(timers[i%len(timers)])
		})
		equal(t, "allocations of "+name, n, 0)
	}
}

func TestFiringAllocatesNothing(t *testing.T) {
	for name, o := range map[string]loop.Options{
		"plain":   {},
		"guarded": {OnPanic: func(loop.Handle, any, []byte) {}},
	} {
		c := &clock{now: start}
		o.Poller = c
		lp := open(t, o)
		fired := 0
		for i := range 10 {
			every(t, lp, time.Duration(i+1)*time.Millisecond, func() { fired++ })
		}
		n := testing.AllocsPerRun(10_000, func() {
			c.pass(time.Millisecond)
			c.polls = c.polls[:0]
			lp.RunNoWait()
		})
		equal(t, "allocations of a turn of timers, "+name, n, 0)
		if fired < 10_000 {
			t.Errorf("fired only %d times", fired)
		}
	}
}
