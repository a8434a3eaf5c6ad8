package workers_test

import (
	"context"
	"errors"
	"io"
	"log"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panjf2000/ants/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"example.com/pike/loop"
	"example.com/pike/loop/zaplog"
	"example.com/pike/timer"
)

// plain opens a pool of ants by itself, which is a loop's Executor too.
func plain(t *testing.T, size int, o ...ants.Option) *ants.Pool {
	t.Helper()
	o = append([]ants.Option{ants.WithLogger(log.New(io.Discard, "", 0))}, o...)
	p, err := ants.NewPool(size, o...)
	no(t, err)
	t.Cleanup(p.Release)
	return p
}

// However a job ends on a plain pool, which goes on after a panic, done is told once.
func TestEndsOfJobsOnAPlainPool(t *testing.T) {
	boom := errors.New("boom")
	guarded := loop.Options{OnPanic: func(loop.Handle, any, []byte) {}}
	for name, c := range map[string]struct {
		o    loop.Options
		job  func(context.Context) (int, error)
		want error
	}{
		"panic":          {loop.Options{}, func(context.Context) (int, error) { panic(boom) }, boom},
		"panic, guarded": {guarded, func(context.Context) (int, error) { panic(boom) }, boom},
		"Goexit":         {loop.Options{}, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, loop.ErrJobExited},
		"error":          {loop.Options{}, func(context.Context) (int, error) { return 0, boom }, boom},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Executor = plain(t, 1)
			lp, run := openLoopWith(t, c.o)
			told := 0
			for range 3 {
				_, err := loop.Work(t.Context(), lp, c.job, func(_ int, err error) {
					told++
					is(t, err, c.want)
					if p := new(loop.PanicError); errors.As(err, &p) && len(p.Stack) == 0 {
						t.Error("no stack")
					}
				})
				no(t, err)
			}
			run()
			equal(t, "times told", told, 3)
			equal(t, "alive", lp.Alive(), false)
		})
	}
}

// The Submit of a plain pool that is full waits, and the loop must not.
func TestFullPlainPool(t *testing.T) {
	lp, run := openLoopWith(t, loop.Options{Executor: plain(t, 1)})
	const jobs = 100
	release := make(chan struct{})
	var order []int
	for i := range jobs {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { <-release; return i, nil },
			func(i int, err error) {
				no(t, err)
				order = append(order, i)
			})
		no(t, err)
	}
	_, err := timer.After(lp, time.Millisecond, func() { close(release) })
	no(t, err)
	run()
	if len(order) != jobs || !slices.IsSorted(order) {
		t.Errorf("results in the order %v, want %d in that of the calls", order, jobs)
	}
}

// A job that waits to be taken by the pool can be dropped, and never runs.
func TestCancelBeforeAPlainPool(t *testing.T) {
	pool := plain(t, 1)
	lp, run := openLoopWith(t, loop.Options{Executor: pool})
	release := make(chan struct{})
	_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { <-release; return 0, nil },
		func(int, error) {})
	no(t, err)
	j, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { t.Error("it runs"); return 0, nil },
		func(_ int, err error) {
			is(t, err, context.Canceled)
			close(release)
		})
	no(t, err)
	equal(t, "canceled", j.Cancel(), true)
	run()
}

// What a plain pool refuses is told to done, as it is known too late for Work.
func TestPlainPoolRefuses(t *testing.T) {
	full, released := plain(t, 1, ants.WithNonblocking(true)), plain(t, 1)
	released.Release()
	release := make(chan struct{})
	defer close(release)
	no(t, full.Submit(func() { <-release }))
	for want, pool := range map[error]*ants.Pool{ants.ErrPoolOverload: full, ants.ErrPoolClosed: released} {
		lp, run := openLoopWith(t, loop.Options{Executor: pool})
		told := 0
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { t.Error("it runs"); return 0, nil },
			func(_ int, err error) {
				told++
				is(t, err, want)
			})
		no(t, err)
		run()
		equal(t, "times told", told, 1)
	}
}

// A panic that comes when the loop is closed is told to the log, or goes on to the pool.
func TestPanicAfterTheLoop(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	guarded := func(loop.Handle, any, []byte) { t.Error("OnPanic is called for a loop that is closed") }
	for name, c := range map[string]struct {
		o    loop.Options
		pool bool
	}{
		"plain":               {loop.Options{}, true},
		"guarded":             {loop.Options{OnPanic: guarded}, true},
		"guarded, with a log": {loop.Options{OnPanic: guarded, Logger: zaplog.Logger(zap.New(core))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var pool atomic.Int32
			p := plain(t, 1, ants.WithPanicHandler(func(any) { pool.Add(1) }))
			c.o.Executor = p
			lp, _ := openLoopWith(t, c.o)
			begun, release := make(chan struct{}), make(chan struct{})
			_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
				close(begun)
				<-release
				panic("boom")
			}, func(int, error) { t.Error("done is called for a loop that is closed") })
			no(t, err)
			<-begun
			no(t, lp.Close())
			close(release)
			for start := time.Now(); p.Running() > 0 && pool.Load() == 0 && logs.Len() == 0; time.Sleep(time.Millisecond) {
				if time.Since(start) > patience {
					t.Fatal("nobody is told")
				}
			}
			equal(t, "the pool is told", pool.Load() == 1, c.pool)
			equal(t, "the log is told", logs.TakeAll() != nil, !c.pool)
		})
	}
}
