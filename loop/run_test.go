package loop_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/timer"
)

// deferred is a Flusher.
type deferred func()

func (d deferred) Flush() { d() }

func TestPhasesOfATurn(t *testing.T) {
	lp, p := newFake(t)
	order := ""
	note := func(s string) func() { return func() { order += s + " " } }
	closing, err := lp.NewIdle(func() {})
	no(t, err)
	closing.OnClose = note("close")
	check, err := lp.NewCheck(note("check"))
	no(t, err)
	prepare, err := lp.NewPrepare(note("prepare"))
	no(t, err)
	idle, err := lp.NewIdle(note("idle"))
	no(t, err)
	for _, h := range []*loop.Hook{check, prepare, idle} {
		no(t, h.Start())
	}
	p.onPoll = func() {
		order += "poll "
		lp.Maker().Defer(deferred(note("flush")))
	}
	no(t, closing.Close())
	lp.Maker().Defer(deferred(note("flush")))
	no(t, lp.Post(note("post")))
	_, err = timer.After(lp, 0, note("timer"))
	no(t, err)
	_, err = lp.RunNoWait()
	no(t, err)
	equal(t, "order", order, "timer post idle prepare flush poll check flush close ")
}

func TestRunOnceRunsTimersAfterItsPoll(t *testing.T) {
	lp, p := newFake(t)
	fired := 0
	_, err := timer.After(lp, time.Second, func() { fired++ })
	no(t, err)
	alive, err := lp.RunOnce()
	no(t, err)
	equal(t, "alive", alive, false)
	equal(t, "fired", fired, 1)
	equal(t, "polls", len(p.polls), 1)
}

// What was due has been done: whoever embeds the loop gets the turn back.
func TestRunOnceDoesNotWaitAfterWork(t *testing.T) {
	works := map[string]func(*loop.Loop, func()) error{
		"post": func(lp *loop.Loop, fn func()) error { return lp.Post(fn) },
		"timer": func(lp *loop.Loop, fn func()) error {
			_, err := timer.After(lp, 0, fn)
			return err
		},
		"deferred": func(lp *loop.Loop, fn func()) error { lp.Maker().Defer(deferred(fn)); return nil },
		"close": func(lp *loop.Loop, fn func()) error {
			h, err := lp.NewIdle(func() {})
			if err != nil {
				return err
			}
			h.OnClose = fn
			return h.Close()
		},
	}
	for name, work := range works {
		t.Run(name, func(t *testing.T) {
			lp, _ := newFake(t)
			_, err := lp.NewAsync(func() {}) // which keeps it alive, and never comes
			no(t, err)
			calls := 0
			no(t, work(lp, func() { calls++ }))
			alive, err := lp.RunOnce()
			no(t, err)
			equal(t, "alive", alive, true)
			equal(t, "calls", calls, 1)
			_, err = lp.RunOnce()
			is(t, err, errDeadlock) // only now
		})
	}
}

// What happens before the poll in a turn decides how long it waits.
func TestTheWaitIsDecidedLast(t *testing.T) {
	lp, p := newFake(t)
	fired := 0
	var prepare *loop.Hook
	prepare, err := lp.NewPrepare(func() {
		if len(p.polls) == 0 {
			_, err := timer.After(lp, time.Second, func() { fired++ })
			no(t, err)
		} else {
			no(t, prepare.Close())
		}
	})
	no(t, err)
	no(t, prepare.Start())
	run(t, lp)
	equal(t, "fired", fired, 1)
	equal(t, "polls", len(p.polls), 2)
	equal(t, "first deadline", p.polls[0], poller.Time(2*time.Second))
	equal(t, "second deadline", p.polls[1], 0)
}

func TestNestedRun(t *testing.T) {
	lp, _ := newFake(t)
	ran := false
	no(t, lp.Post(func() {
		ran = true
		is(t, lp.Run(), loop.ErrRunning)
		is(t, lp.RunContext(t.Context()), loop.ErrRunning)
		_, err := lp.RunOnce()
		is(t, err, loop.ErrRunning)
		_, err = lp.RunNoWait()
		is(t, err, loop.ErrRunning)
		is(t, lp.Close(), loop.ErrRunning)
	}))
	run(t, lp)
	equal(t, "ran", ran, true)
	no(t, lp.Close()) // none of them did anything
}

func TestAfterClose(t *testing.T) {
	lp, p := newFake(t)
	closes := 0
	idle, err := lp.NewIdle(func() {})
	no(t, err)
	idle.OnClose = func() {
		closes++
		is(t, lp.Close(), loop.ErrRunning)
	}
	tm, err := timer.New(lp, func() {})
	no(t, err)
	no(t, lp.Close())
	equal(t, "close callbacks", closes, 1)
	equal(t, "poller closed", p.closed, true)
	equal(t, "alive", lp.Alive(), false)

	is(t, lp.Close(), net.ErrClosed)
	is(t, lp.Run(), net.ErrClosed)
	_, err = lp.RunOnce()
	is(t, err, net.ErrClosed)
	_, err = lp.RunNoWait()
	is(t, err, net.ErrClosed)
	is(t, lp.Post(func() {}), net.ErrClosed)
	_, err = lp.NewPrepare(func() {})
	is(t, err, net.ErrClosed)
	_, err = lp.NewAsync(func() {})
	is(t, err, net.ErrClosed)
	_, err = lp.Watch(0, loop.Readable, func(*loop.Watch, loop.Events) {})
	is(t, err, net.ErrClosed)
	_, err = loop.Work(t.Context(), lp, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
	is(t, err, net.ErrClosed)
	is(t, idle.Start(), net.ErrClosed)
	is(t, idle.Close(), net.ErrClosed)
	is(t, tm.Start(0, 0), net.ErrClosed)
	is(t, tm.Close(), net.ErrClosed)
	equal(t, "alive", lp.Alive(), false)
}

// A closed poller's wake-up descriptor may be somebody else's by now.
func TestNobodyWakesAClosedPoller(t *testing.T) {
	lp, p := newFake(t)
	a, err := lp.NewAsync(func() {})
	no(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	no(t, lp.Post(lp.Stop))
	no(t, lp.RunContext(ctx))
	no(t, lp.Close())
	p.wakes.Store(0)
	cancel()
	lp.Stop()
	is(t, a.Send(), net.ErrClosed)
	is(t, lp.Post(func() {}), net.ErrClosed)
	equal(t, "wake-ups", p.wakes.Load(), 0)
}

// A poller that cannot poll any more ends Run.
func TestPollerFails(t *testing.T) {
	lp, _ := newFake(t)
	a, err := lp.NewAsync(func() {})
	no(t, err)
	is(t, lp.Run(), errDeadlock)
	_, err = lp.RunOnce()
	is(t, err, errDeadlock)
	no(t, a.Close())
	no(t, lp.Run())
}

func TestStopFromAnotherGoroutine(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	tm, err := timer.After(lp, time.Hour, func() {})
	no(t, err)
	asleep := make(chan struct{})
	no(t, lp.Post(func() { close(asleep) }))
	go func() {
		<-asleep
		time.Sleep(10 * time.Millisecond) // most likely it sleeps by then; it must not matter
		lp.Stop()
	}()
	run(t, lp)
	equal(t, "alive", lp.Alive(), true)
	no(t, tm.Close())
	run(t, lp) // the stop is used up
	equal(t, "alive", lp.Alive(), false)
}

func TestStopSkipsTheNextTurn(t *testing.T) {
	turns := map[string]func(*loop.Loop) error{
		"Run":       func(lp *loop.Loop) error { return lp.Run() },
		"RunOnce":   func(lp *loop.Loop) error { _, err := lp.RunOnce(); return err },
		"RunNoWait": func(lp *loop.Loop) error { _, err := lp.RunNoWait(); return err },
	}
	for name, turn := range turns {
		t.Run(name, func(t *testing.T) {
			lp, _ := newFake(t)
			calls := 0
			no(t, lp.Post(func() { calls++ }))
			lp.Stop()
			no(t, turn(lp))
			equal(t, "calls", calls, 0)
			no(t, turn(lp))
			equal(t, "calls", calls, 1)
		})
	}
}

func TestAliveWithAPost(t *testing.T) {
	lp, _ := newFake(t)
	equal(t, "alive", lp.Alive(), false)
	no(t, lp.Post(func() { equal(t, "alive inside the last post", lp.Alive(), false) }))
	equal(t, "alive", lp.Alive(), true)
	run(t, lp)
	equal(t, "alive", lp.Alive(), false)
}

func TestNow(t *testing.T) {
	lp, p := newFake(t)
	p.now = p.now.Add(time.Second)
	equal(t, "now, cached", lp.Now(), poller.Time(time.Second))
	equal(t, "now, read", lp.UpdateNow(), poller.Time(2*time.Second))
	equal(t, "now", lp.Now(), poller.Time(2*time.Second))
	p.onPoll = func() { p.now = p.now.Add(time.Second) }
	no(t, lp.Post(func() {}))
	run(t, lp)
	equal(t, "now, after a poll", lp.Now(), poller.Time(3*time.Second))
}

// What an outer loop may wait for.
func TestTimeout(t *testing.T) {
	lp, p := newFake(t)
	const never = -1
	equal(t, "timeout of a loop with nothing to do", lp.Timeout(), 0)
	a, err := lp.NewAsync(func() {})
	no(t, err)
	equal(t, "timeout of a loop that only a call can end", lp.Timeout(), never)
	tm, err := timer.After(lp, time.Second, func() {})
	no(t, err)
	equal(t, "timeout with a timer", lp.Timeout(), time.Second)
	p.now = p.now.Add(300 * time.Millisecond)
	equal(t, "timeout with a timer, later", lp.Timeout(), 700*time.Millisecond)
	p.now = p.now.Add(time.Hour)
	equal(t, "timeout with a timer that is due", lp.Timeout(), 0)
	tm.Stop()
	equal(t, "timeout without the timer", lp.Timeout(), never)
	for name, do := range map[string]func(){
		"a post":        func() { no(t, lp.Post(func() {})) },
		"deferred work": func() { lp.Maker().Defer(deferred(func() {})) },
		"a stop":        lp.Stop,
		"a close":       func() { no(t, a.Close()) },
	} {
		do()
		equal(t, "timeout with "+name, lp.Timeout(), 0)
		turn(t, lp)
	}
}

func TestMisuse(t *testing.T) {
	lp, _ := newFake(t)
	is(t, lp.Post(nil), os.ErrInvalid)
	is(t, lp.RunContext(nil), os.ErrInvalid) //lint:ignore SA1012 which is what is tested
	for _, make := range []func(func()) (*loop.Hook, error){lp.NewIdle, lp.NewPrepare, lp.NewCheck} {
		_, err := make(nil)
		is(t, err, os.ErrInvalid)
	}
	_, err := lp.NewAsync(nil)
	is(t, err, os.ErrInvalid)
	_, err = lp.Watch(0, loop.Readable, nil)
	is(t, err, os.ErrInvalid)
	equal(t, "alive", lp.Alive(), false)
	_, err = loop.New(loop.Options{Backend: "abacus"})
	is(t, err, errors.ErrUnsupported)
}
