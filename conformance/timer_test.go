package conformance

import (
	"math"
	"net"
	"os"
	"time"

	"example.com/pike/timer"
)

// libuv's timers wait for milliseconds; what it writes as 50 is 5 here.
var _ = add(line{id: "T1", name: "timer", run: func(e *env) {
	const unit = 5 * time.Millisecond
	lp := e.loop()
	began := lp.UpdateNow()
	shots, ticks := 0, 0
	for i := range 10 {
		var shot *timer.Timer
		shot = e.after(lp, time.Duration(i)*unit, func() {
			shots++
			e.equal("one-shot active in its callback", shot.Active(), false)
		})
	}
	var tick *timer.Timer
	tick = e.every(lp, 2*unit, func() {
		e.equal("repeating timer active in its callback", tick.Active(), true)
		if ticks++; ticks == 5 {
			e.no(tick.Close())
		}
	})
	stopped := e.after(lp, 2*unit, func() { e.Error("a stopped timer fired") })
	stopped.Stop()
	e.run(lp)
	e.equal("one-shots", shots, 10)
	e.equal("ticks", ticks, 5)
	if took := lp.UpdateNow().Sub(began); took < 10*unit {
		e.Fatalf("it took %v, want %v or more", took, 10*unit)
	}
}})

var _ = add(line{id: "T2", name: "init", run: func(e *env) {
	tm, err := timer.New(e.loop(), func() {})
	e.no(err)
	e.equal("period", tm.Period(), time.Duration(0))
	e.equal("due in", tm.DueIn(), time.Duration(0))
	e.equal("active", tm.Active(), false)
}})

// A timer of pike has one callback for its life: what starting it twice replaces
// is the time.
var _ = add(line{id: "T3", name: "start twice", run: func(e *env) {
	lp := e.loop()
	calls := 0
	tm := e.after(lp, 24*time.Hour, func() { calls++ })
	e.no(tm.Start(short, 0))
	e.run(lp)
	e.equal("calls", calls, 1)
	e.equal("active", tm.Active(), false)
}})

var _ = add(line{id: "T4", name: "order", run: func(e *env) {
	lp := e.loop()
	order := ""
	timers := map[string]*timer.Timer{}
	for _, name := range []string{"a", "b"} {
		tm, err := timer.New(lp, func() { order += name })
		e.no(err)
		timers[name] = tm
	}
	for _, want := range []string{"ab", "ba"} {
		order = ""
		for _, name := range want {
			e.no(timers[string(name)].Start(0, 0))
		}
		e.run(lp)
		e.equal("firing order", order, want)
	}
}})

var _ = add(line{id: "T5", name: "zero timeout", run: func(e *env) {
	lp := e.loop()
	calls := 0
	var tm *timer.Timer
	tm = e.after(lp, 0, func() {
		calls++
		e.no(tm.Start(0, 0))
		lp.Stop()
	})
	e.run(lp)
	e.equal("calls", calls, 1)
	e.equal("alive", lp.Alive(), true)
	e.no(tm.Close())
	e.run(lp)
	e.equal("calls after Close", calls, 1)
}})

// A time.Duration ends at 292 years, where libuv's milliseconds go on: the
// longest one here is as good as never, and does not wrap around.
var _ = add(line{id: "T6", name: "huge timeout", run: func(e *env) {
	const huge = 0xffffffffff * time.Millisecond
	lp := e.loop()
	var timers []*timer.Timer
	fired := 0
	for i, d := range []time.Duration{time.Millisecond, huge, math.MaxInt64} {
		timers = append(timers, e.after(lp, d, func() {
			fired++
			e.equal("the one that fired", i, 0)
			for _, tm := range timers {
				e.no(tm.Close())
			}
		}))
	}
	atMost := func(i int, limit time.Duration) {
		e.Helper()
		if d := timers[i].DueIn(); d > limit || e.backend.sim && i < 2 && d != limit {
			e.Errorf("due in %v, want %v", d, limit)
		}
	}
	atMost(0, time.Millisecond)
	atMost(1, huge)
	for i := 1; i < 3; i++ {
		if d := timers[i].DueIn(); d < huge-patience {
			e.Errorf("timer %d is due in %v, which is too soon", i, d)
		}
	}
	e.run(lp)
	e.equal("fired", fired, 1)
}})

// Misuse is net.ErrClosed here, and os.ErrInvalid in T10.
var _ = add(line{id: "T9", name: "start after close", run: func(e *env) {
	lp := e.loop()
	tm, err := timer.New(lp, func() { e.Error("a closed timer fired") })
	e.no(err)
	e.no(tm.Close())
	e.is(tm.Start(0, 0), net.ErrClosed)
	e.run(lp)
	e.is(tm.Start(0, 0), net.ErrClosed)
	e.equal("alive", lp.Alive(), false)
}})

var _ = add(line{id: "T10", name: "nil callback", run: func(e *env) {
	lp := e.loop()
	_, err := timer.New(lp, nil)
	e.is(err, os.ErrInvalid)
	_, err = timer.After(lp, 0, nil)
	e.is(err, os.ErrInvalid)
	_, err = timer.Every(lp, time.Second, nil)
	e.is(err, os.ErrInvalid)
	e.equal("alive", lp.Alive(), false)
}})

var _ = add(line{id: "T11", name: "early check", run: func(e *env) {
	lp := e.loop()
	due := lp.UpdateNow().Add(short)
	calls := 0
	e.after(lp, short, func() {
		calls++
		if lp.Now() < due || lp.UpdateNow() < due {
			e.Errorf("fired %v early", due.Sub(lp.Now()))
		}
	})
	e.run(lp)
	e.equal("calls", calls, 1)
}})

var _ = add(line{id: "T13", name: "no run on unref", run: func(e *env) {
	lp := e.loop()
	tm := e.after(lp, 0, func() { e.Error("the timer fired") })
	tm.Unref()
	e.run(lp)
	e.equal("alive", lp.Alive(), false)
}})

var _ = add(line{id: "T15", name: "stop and close within a pass", run: func(e *env) {
	lp := e.loop()
	fired, closes := 0, 0
	var timers [3]*timer.Timer
	for i := range timers {
		timers[i] = e.after(lp, 0, func() {
			fired++
			e.equal("the one that fired", i, 0)
			e.equal("the second was armed", timers[1].Stop(), true)
			e.no(timers[2].Close())
		})
	}
	timers[2].OnClose = func() { closes++ }
	pass := e.hooked(lp.NewPrepare(func() { e.equal("fired by the first pass", fired, 1) }))
	pass.Unref()
	e.run(lp)
	e.equal("fired", fired, 1)
	e.equal("close callbacks", closes, 1)
}})
