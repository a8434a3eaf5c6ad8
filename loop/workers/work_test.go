package workers_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
)

// openLoop returns a loop whose jobs run on a pool, and runs it when asked.
func openLoop(t *testing.T, p *workers.Pool, o loop.Options) (lp *loop.Loop, run func()) {
	t.Helper()
	o.Executor = p
	return openLoopWith(t, o)
}

func openLoopWith(t *testing.T, o loop.Options) (lp *loop.Loop, run func()) {
	t.Helper()
	lp, err := loop.New(o)
	no(t, err)
	t.Cleanup(func() { lp.Close() })
	return lp, func() {
		t.Helper()
		var late atomic.Bool
		guard := time.AfterFunc(patience, func() { late.Store(true); lp.Stop() })
		defer guard.Stop()
		no(t, lp.Run())
		if late.Load() {
			t.Fatalf("the loop still ran after %v", patience)
		}
	}
}

func TestWork(t *testing.T) {
	const jobs = 1000
	lp, run := openLoop(t, open(t, workers.Options{Size: 4}), loop.Options{})
	sum := 0
	for i := range jobs {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { return i, nil },
			func(v int, err error) {
				no(t, err)
				sum += v
			})
		no(t, err)
	}
	run()
	equal(t, "sum of the results", sum, jobs*(jobs-1)/2)
}

func TestWorkCanceledInTheQueue(t *testing.T) {
	lp, run := openLoop(t, open(t, workers.Options{Size: 1}), loop.Options{})
	release := make(chan struct{})
	_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { <-release; return 0, nil },
		func(int, error) {})
	no(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	never := func(context.Context) (int, error) {
		t.Error("a canceled job runs")
		return 0, nil
	}
	results := 0
	done := func(_ int, err error) {
		is(t, err, context.Canceled)
		if results++; results == 2 {
			close(release)
		}
	}
	j, err := loop.Work(t.Context(), lp, never, done)
	no(t, err)
	_, err = loop.Work(ctx, lp, never, done)
	no(t, err)
	equal(t, "canceled", j.Cancel(), true)
	cancel()
	run()
	equal(t, "results", results, 2)
}

func TestWorkRefused(t *testing.T) {
	p := open(t, workers.Options{Size: 2, MaxQueued: 1})
	lp, run := openLoop(t, p, loop.Options{})
	release := make(chan struct{})
	results := 0
	work := func() error {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { <-release; return 0, nil },
			func(int, error) { results++ })
		return err
	}
	for range 3 {
		no(t, work())
	}
	is(t, work(), workers.ErrFull)
	close(release)
	run()
	equal(t, "results", results, 3)
	no(t, p.Close())
	is(t, work(), net.ErrClosed)
	equal(t, "alive", lp.Alive(), false)
}

// A job that panics, where the loop handles that, or ends its goroutine leaves
// the pool as it was.
func TestWorkThatDoesNotReturn(t *testing.T) {
	told := 0
	p := open(t, workers.Options{Size: 1})
	lp, run := openLoop(t, p, loop.Options{OnPanic: func(loop.Handle, any, []byte) { told++ }})
	results := 0
	for range 10 {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { panic("boom") },
			func(_ int, err error) {
				var p *loop.PanicError
				if !errors.As(err, &p) {
					t.Errorf("result %v, want a PanicError", err)
				}
				results++
			})
		no(t, err)
		_, err = loop.Work(t.Context(), lp, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
			func(_ int, err error) {
				is(t, err, loop.ErrJobExited)
				results++
			})
		no(t, err)
	}
	run()
	equal(t, "panics told", told, 10)
	equal(t, "results", results, 20)
}
