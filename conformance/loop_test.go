package conformance

import (
	"context"
	"net"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

// short is a wait whose length does not matter to the behaviour.
const short = 10 * time.Millisecond

func (e *env) after(lp *loop.Loop, d time.Duration, fn func()) *timer.Timer {
	e.Helper()
	t, err := timer.After(lp, d, fn)
	e.no(err)
	return t
}

func (e *env) every(lp *loop.Loop, d time.Duration, fn func()) *timer.Timer {
	e.Helper()
	t, err := timer.Every(lp, d, fn)
	e.no(err)
	return t
}

// hooked starts what a NewIdle, NewPrepare or NewCheck has made.
func (e *env) hooked(h *loop.Hook, err error) *loop.Hook {
	e.Helper()
	e.no(err)
	e.no(h.Start())
	return h
}

func (e *env) once(lp *loop.Loop) (alive bool) {
	e.Helper()
	defer e.guard(lp)()
	alive, err := lp.RunOnce()
	e.no(err)
	return alive
}

func (e *env) noWait(lp *loop.Loop) (alive bool) {
	e.Helper()
	alive, err := lp.RunNoWait()
	e.no(err)
	return alive
}

// work is loop.Work for a job whose result does not matter.
func (e *env) work(lp *loop.Loop, job func(), done func(error)) *loop.Job {
	e.Helper()
	j, err := loop.Work(context.Background(), lp,
		func(context.Context) (struct{}, error) { job(); return struct{}{}, nil },
		func(_ struct{}, err error) { done(err) })
	e.no(err)
	return j
}

var _ = add(line{id: "L1", name: "alive", run: func(e *env) {
	lp := e.loop()
	e.equal("alive, fresh", lp.Alive(), false)
	e.after(lp, short, func() {})
	e.equal("alive, with a timer", lp.Alive(), true)
	e.run(lp)
	e.equal("alive, after the timer", lp.Alive(), false)
	e.work(lp, func() {}, func(error) {})
	e.equal("alive, with a job", lp.Alive(), true)
	e.run(lp)
	e.equal("alive, after the job", lp.Alive(), false)
}})

var _ = add(line{id: "L3", name: "instant close", run: func(e *env) {
	lp := e.loop()
	e.work(lp, func() {}, func(error) { e.Error("a job's result on a closed loop") })
	e.no(lp.Close())
}})

var _ = add(line{id: "L4", name: "stop from a timer", run: func(e *env) {
	lp := e.loop()
	prepares, ticks := 0, 0
	var prepare *loop.Hook
	prepare = e.hooked(lp.NewPrepare(func() {
		if prepares++; prepares == 10 {
			e.no(prepare.Stop())
		}
	}))
	var tick *timer.Timer
	tick = e.every(lp, short, func() {
		switch ticks++; ticks {
		case 1:
			lp.Stop()
		case 10:
			tick.Stop()
		}
	})
	e.run(lp)
	e.equal("alive after Stop", lp.Alive(), true)
	e.equal("ticks until Stop", ticks, 1)
	e.equal("alive after a turn", e.noWait(lp), true)
	if prepares < 2 {
		e.Fatalf("prepare was called %d times, want more than once", prepares)
	}
	e.run(lp) // the stop was used up
	e.equal("alive", lp.Alive(), false)
	e.equal("ticks", ticks, 10)
	e.equal("prepares", prepares, 10)
}})

var _ = add(line{id: "L5", name: "stop before run", run: func(e *env) {
	lp := e.loop()
	e.after(lp, 0, func() { e.Error("the timer fired on a stopped loop") })
	lp.Stop()
	e.run(lp)
	e.equal("alive", lp.Alive(), true)
}})

var _ = add(line{id: "L6", name: "run once", run: func(e *env) {
	lp := e.loop()
	calls := 0
	var idle *loop.Hook
	idle = e.hooked(lp.NewIdle(func() {
		if calls++; calls == 64 {
			e.no(idle.Stop())
		}
	}))
	for e.once(lp) {
	}
	e.equal("calls", calls, 64)
}})

// The timer is longer than in libuv's test, where a machine that stalls for
// 100 ms makes it due.
var _ = add(line{id: "L7", name: "run nowait", run: func(e *env) {
	lp := e.loop()
	e.after(lp, time.Hour, func() { e.Error("the timer fired") })
	e.equal("alive", e.noWait(lp), true)
}})

// libuv rounds to milliseconds of the time cached in the loop, so that its test
// can ask for exactly 1000. Here the timeout is in nanoseconds and of the moment,
// which only a virtual clock lets stand still.
var _ = add(line{id: "L9", name: "backend timeout", run: func(e *env) {
	lp := e.loop()
	tm, err := timer.New(lp, func() {})
	e.no(err)
	e.equal("timeout with a timer that is not armed", lp.Timeout(), time.Duration(0))
	e.equal("alive with a timer that is not armed", lp.Alive(), false)
	e.no(tm.Start(time.Hour, 0))
	left := lp.Timeout()
	if left <= 0 || left > time.Hour || e.backend.sim && left != time.Hour {
		e.Fatalf("timeout %v, want %v", left, time.Hour)
	}
	e.no(tm.Start(short, 0))
	e.run(lp)
	e.equal("timeout afterwards", lp.Timeout(), time.Duration(0))
}})

// Close callbacks come in the order of the calls to Close; libuv's are last in,
// first out.
var _ = add(line{id: "L12", name: "close order", run: func(e *env) {
	lp := e.loop()
	var closed []string
	closing := false // inside a callback that closes
	note := func(name string) func() {
		return func() {
			if closing {
				e.Error("a close callback inside the callback that asked for it")
			}
			closed = append(closed, name)
		}
	}
	timers, checks := 0, 0
	idle, err := timer.New(lp, func() { e.Error("a timer that was never started fired") })
	e.no(err)
	idle.OnClose = note("idle timer")
	var first *timer.Timer
	first = e.after(lp, 0, func() {
		timers++
		closing = true
		e.no(first.Close())
		closing = false
	})
	first.OnClose = note("timer")
	var check *loop.Hook
	check = e.hooked(lp.NewCheck(func() {
		checks++
		closing = true
		e.no(check.Close())
		e.no(idle.Close())
		closing = false
	}))
	check.OnClose = note("check")
	e.run(lp)
	e.equal("checks", checks, 1)
	e.equal("timers", timers, 1)
	e.equal("close callbacks", len(closed), 3)
	want := [3]string{"timer", "check", "idle timer"}
	e.equal("order of close callbacks", [3]string(closed), want)
}})

var _ = add(line{id: "L13", name: "active", run: func(e *env) {
	lp := e.loop()
	closes := 0
	tm, err := timer.New(lp, func() { e.Error("the timer fired") })
	e.no(err)
	tm.OnClose = func() { closes++ }
	e.equal("active, new", tm.Active(), false)
	e.no(tm.Start(time.Second, 0))
	e.equal("active, started", tm.Active(), true)
	e.equal("armed before Stop", tm.Stop(), true)
	e.equal("active, stopped", tm.Active(), false)
	e.no(tm.Start(time.Second, 0))
	e.equal("active, started again", tm.Active(), true)
	e.equal("closing", tm.Closing(), false)
	e.no(tm.Close())
	e.equal("active, closed", tm.Active(), false)
	e.equal("closing, closed", tm.Closing(), true)
	e.is(tm.Close(), net.ErrClosed)
	e.run(lp)
	e.equal("close callbacks", closes, 1)
}})

// Without e.run, whose own timer the walk would meet: the timer of the test
// bounds it.
var _ = add(line{id: "L14", name: "walk", run: func(e *env) {
	lp := e.loop()
	fired, walked := 0, 0
	var tm *timer.Timer
	tm = e.after(lp, short, func() {
		fired++
		lp.Walk(func(h loop.Handle) {
			walked++
			if h != loop.Handle(tm) {
				e.Errorf("the walk met a %T, want the timer itself", h)
			}
			e.no(h.Close())
		})
	})
	e.no(lp.Run())
	e.equal("fired", fired, 1)
	e.equal("walked", walked, 1)
	lp.Walk(func(h loop.Handle) { e.Errorf("a %T is left", h) })
}})

var _ = add(line{id: "L16", name: "idle starvation", run: func(e *env) {
	lp := e.loop()
	idles, checks, fired, closes := 0, 0, 0, 0
	closed := func() { closes++ }
	idle := e.hooked(lp.NewIdle(func() { idles++ }))
	check := e.hooked(lp.NewCheck(func() { checks++ }))
	var tm *timer.Timer
	tm = e.after(lp, short, func() {
		fired++
		e.no(idle.Close())
		e.no(check.Close())
		e.no(tm.Close())
	})
	idle.OnClose, check.OnClose, tm.OnClose = closed, closed, closed
	e.run(lp)
	e.equal("fired", fired, 1)
	e.equal("close callbacks", closes, 3)
	if idles == 0 || checks != idles {
		e.Fatalf("%d calls of idle, %d of check: want the same number, more than 0", idles, checks)
	}
}})

var _ = add(line{id: "L17", name: "idle and check", run: func(e *env) {
	lp := e.loop()
	checks, closes := 0, 0
	var idle *loop.Hook
	idle = e.hooked(lp.NewIdle(func() { e.no(idle.Stop()) }))
	check := e.hooked(lp.NewCheck(func() { checks++ }))
	idle.OnClose = func() { closes++ }
	check.OnClose = idle.OnClose
	e.equal("alive after a turn", e.once(lp), true)
	e.equal("checks", checks, 1)
	e.no(idle.Close())
	e.no(check.Close())
	e.equal("alive after closing", e.once(lp), false)
	e.equal("close callbacks", closes, 2)
	e.equal("checks", checks, 1)
}})

var _ = add(line{id: "L18", name: "timer from check", run: func(e *env) {
	lp := e.loop()
	order := ""
	tm := e.after(lp, time.Hour, func() { order += "timer " })
	var prepare, check *loop.Hook
	prepare, err := lp.NewPrepare(func() {
		order += "prepare "
		e.no(prepare.Stop())
	})
	e.no(err)
	check = e.hooked(lp.NewCheck(func() {
		order += "check "
		tm.Stop()
		e.no(tm.Start(short, 0))
		e.no(prepare.Start())
		e.no(check.Stop())
	}))
	e.equal("alive after a turn", e.noWait(lp), true)
	e.run(lp)
	e.equal("order", order, "check prepare timer ")
}})

// A busy machine may keep the loop from falling asleep: what has to be idle at
// least is asked of one try in five, what may be at most of each.
var _ = add(line{id: "L21", name: "metrics idle time", needs: realTime, run: func(e *env) {
	const wait, busy = 100 * time.Millisecond, 50 * time.Millisecond
	var idle time.Duration
	for try := 0; try < 5 && idle < wait/2; try++ {
		lp := e.loop(loop.Options{MeasureIdle: true})
		began := lp.UpdateNow()
		e.after(lp, wait, func() {
			for until := lp.UpdateNow().Add(busy); lp.UpdateNow() < until; {
			}
		})
		e.run(lp)
		total := lp.UpdateNow().Sub(began)
		if idle = lp.Metrics().Idle; idle > total-busy {
			e.Fatalf("idle %v of %v, of which a callback took %v", idle, total, busy)
		}
	}
	if idle < wait/2 {
		e.Fatalf("idle %v while it waited %v", idle, wait)
	}
}})
