package loop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

var errCause = errors.New("the cause")

func TestRunContextEndedBefore(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	no(t, lp.Post(func() { t.Error("a callback though the context had ended") }))
	is(t, lp.RunContext(ctx), errCause)
	equal(t, "alive", lp.Alive(), true)
}

func TestRunContextCanceledFromOutside(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	tm, err := timer.After(lp, time.Hour, func() {})
	no(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	asleep := make(chan struct{})
	no(t, lp.Post(func() { close(asleep) }))
	go func() {
		<-asleep
		time.Sleep(10 * time.Millisecond)
		cancel(errCause)
	}()
	done := bound(t, lp)
	is(t, lp.RunContext(ctx), errCause)
	done()
	no(t, tm.Close())
	run(t, lp) // nothing of the context is left
	equal(t, "alive", lp.Alive(), false)
}

// The loop is awake when its own callback cancels: nobody wakes it, and it must
// not fall asleep.
func TestRunContextCanceledByACallback(t *testing.T) {
	for range 100 {
		lp := newLoop(t, loop.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := lp.NewAsync(func() {})
		no(t, err)
		_, err = timer.After(lp, time.Microsecond, func() {}) // so that it has slept before
		no(t, err)
		_, err = timer.After(lp, time.Millisecond, cancel)
		no(t, err)
		done := bound(t, lp)
		is(t, lp.RunContext(ctx), context.Canceled)
		done()
		no(t, lp.Close())
	}
}

func TestRunContextDeadline(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	_, err := lp.NewAsync(func() {})
	no(t, err)
	const wait = 20 * time.Millisecond
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	done := bound(t, lp)
	is(t, lp.RunContext(ctx), context.DeadlineExceeded)
	done()
	if took := time.Since(began); took < wait {
		t.Fatalf("ended after %v, before the deadline", took)
	}
}

func TestRunContextThatDoesNotEnd(t *testing.T) {
	lp, p := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	no(t, lp.Post(func() {}))
	no(t, lp.RunContext(ctx))
	polls := len(p.polls)
	cancel() // too late to mean anything
	no(t, lp.Run())
	equal(t, "polls of a loop with nothing to do", len(p.polls), polls)
}
