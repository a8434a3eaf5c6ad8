package loop_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"example.com/pike/loop"
)

// executors are what jobs may run on; package workers tests its own.
var executors = map[string]func(t *testing.T) loop.Executor{
	"goroutines": func(*testing.T) loop.Executor { return nil },
	"inline":     func(*testing.T) loop.Executor { return inline{} },
}

// inline runs a job before Submit returns, which is the earliest there is.
type inline struct{}

func (inline) Submit(job func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		job()
	}()
	<-done
	return nil
}

// held runs no job until it is asked to.
type held struct{ jobs []func() }

func (h *held) Submit(job func()) error {
	h.jobs = append(h.jobs, job)
	return nil
}

func (h *held) run() {
	for _, job := range h.jobs {
		job()
	}
	h.jobs = nil
}

// refusing refuses.
type refusing struct{}

var errRefused = errors.New("refused")

func (refusing) Submit(func()) error { return errRefused }

func onExecutors(t *testing.T, o loop.Options, test func(t *testing.T, lp *loop.Loop)) {
	for name, open := range executors {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Executor = open(t)
			test(t, newLoop(t, o))
		})
	}
}

type ctxKey struct{}

func TestWorkResult(t *testing.T) {
	onExecutors(t, loop.Options{}, func(t *testing.T, lp *loop.Loop) {
		ctx := context.WithValue(t.Context(), ctxKey{}, 6)
		results, returned := 0, false
		_, err := loop.Work(ctx, lp, func(ctx context.Context) (int, error) {
			return 7 * ctx.Value(ctxKey{}).(int), nil
		}, func(v int, err error) {
			no(t, err)
			equal(t, "result", v, 42)
			equal(t, "Work returned before", returned, true)
			results++
		})
		returned = true
		no(t, err)
		equal(t, "alive", lp.Alive(), true)
		run(t, lp)
		equal(t, "results", results, 1)
	})
}

func TestWorkError(t *testing.T) {
	onExecutors(t, loop.Options{}, func(t *testing.T, lp *loop.Loop) {
		results := 0
		_, err := loop.Work(t.Context(), lp, func(context.Context) (string, error) {
			return "partly", errCause
		}, func(v string, err error) {
			is(t, err, errCause)
			equal(t, "result", v, "partly")
			results++
		})
		no(t, err)
		run(t, lp)
		equal(t, "results", results, 1)
	})
}

func TestWorkFromWork(t *testing.T) {
	onExecutors(t, loop.Options{}, func(t *testing.T, lp *loop.Loop) {
		left := 100
		var next func(int, error)
		next = func(int, error) {
			if left--; left > 0 {
				_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { return 0, nil }, next)
				no(t, err)
			}
		}
		next(0, nil)
		run(t, lp)
		equal(t, "left", left, 0)
	})
}

// never is a job that must not run.
func never(t *testing.T) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		t.Error("the job runs")
		return 0, nil
	}
}

func TestWorkCancelBeforeItBegins(t *testing.T) {
	queue := new(held)
	lp := newLoop(t, loop.Options{Executor: queue})
	results := 0
	j, err := loop.Work(t.Context(), lp, never(t), func(v int, err error) {
		is(t, err, context.Canceled)
		results++
	})
	no(t, err)
	equal(t, "canceled", j.Cancel(), true)
	equal(t, "results inside Cancel", results, 0)
	equal(t, "canceled again", j.Cancel(), false)
	run(t, lp) // which does not wait for the executor
	equal(t, "results", results, 1)
	queue.run()
	run(t, lp)
	equal(t, "results", results, 1)
	equal(t, "canceled afterwards", j.Cancel(), false)
}

func TestWorkCancelOfARunningJob(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	begun, release := make(chan struct{}), make(chan struct{})
	results := 0
	ctx, cancel := context.WithCancel(t.Context())
	j, err := loop.Work(ctx, lp, func(ctx context.Context) (int, error) {
		close(begun)
		<-release
		<-ctx.Done() // a job may watch its context, and return what it likes
		return 1, nil
	}, func(v int, err error) {
		no(t, err)
		equal(t, "result", v, 1)
		results++
	})
	no(t, err)
	<-begun
	equal(t, "canceled", j.Cancel(), false)
	cancel()
	close(release)
	run(t, lp)
	equal(t, "results", results, 1)
}

// A job that does not watch its context is not waited for once it is abandoned, and what it
// returns, or panics with, comes to nobody's done.
func TestWorkAbandoned(t *testing.T) {
	for name, end := range map[string]func(){
		"returns": func() {}, "panics": func() { panic(errBoom) }, "exits": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			told := 0
			lp := newLoop(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { told++ }})
			begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			results := 0
			j, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
				defer close(ended)
				close(begun)
				<-release
				end()
				return 1, nil
			}, func(v int, err error) {
				equal(t, "result", v, 0)
				is(t, err, context.Canceled)
				results++
			})
			no(t, err)
			<-begun
			equal(t, "abandoned", j.Abandon(), true)
			equal(t, "abandoned again", j.Abandon(), false)
			run(t, lp)
			equal(t, "results", results, 1)
			close(release)
			<-ended
			for start := time.Now(); name == "panics" && told == 0; time.Sleep(time.Millisecond) {
				run(t, lp)
				if time.Since(start) > patience {
					t.Fatal("nobody is told")
				}
			}
			run(t, lp)
			equal(t, "results", results, 1)
		})
	}
	queue := new(held)
	lp := newLoop(t, loop.Options{Executor: queue})
	j, err := loop.Work(t.Context(), lp, never(t), func(_ int, err error) { is(t, err, context.Canceled) })
	no(t, err)
	equal(t, "abandoned before it begins", j.Abandon(), true)
	run(t, lp)
	queue.run()
}

// TestWorkOfAClosedLoop has dropped the results already, also of a job that runs on.
func TestWorkOfAClosedLoop(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	j, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
		defer close(ended)
		close(begun)
		<-release
		return 1, nil
	}, func(int, error) { t.Error("done is called") })
	no(t, err)
	<-begun
	no(t, lp.Close())
	equal(t, "cancelled", j.Cancel(), false)
	equal(t, "abandoned", j.Abandon(), false)
	close(release)
	<-ended
}

func TestWorkContextEndedBefore(t *testing.T) {
	onExecutors(t, loop.Options{}, func(t *testing.T, lp *loop.Loop) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		results := 0
		j, err := loop.Work(ctx, lp, never(t), func(v int, err error) {
			is(t, err, errCause)
			results++
		})
		no(t, err)
		equal(t, "results inside Work", results, 0)
		equal(t, "alive", lp.Alive(), true)
		equal(t, "canceled", j.Cancel(), false)
		run(t, lp)
		equal(t, "results", results, 1)
	})
}

func TestWorkContextEndsWhileQueued(t *testing.T) {
	queue := new(held)
	lp := newLoop(t, loop.Options{Executor: queue})
	ctx, cancel := context.WithCancelCause(t.Context())
	results := 0
	_, err := loop.Work(ctx, lp, never(t), func(v int, err error) {
		is(t, err, errCause)
		results++
	})
	no(t, err)
	cancel(errCause)
	queue.run() // the context has ended, whether or not anybody was told yet
	run(t, lp)
	equal(t, "results", results, 1)
}

func TestWorkRefused(t *testing.T) {
	lp := newLoop(t, loop.Options{Executor: refusing{}})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := loop.Work(ctx, lp, never(t), func(int, error) { t.Error("a result of a job that was refused") })
	is(t, err, errRefused)
	equal(t, "alive", lp.Alive(), false)
	cancel()
	run(t, lp)
}

func TestWorkMisuse(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	job, done := never(t), func(int, error) {}
	_, err := loop.Work(t.Context(), lp, nil, done)
	is(t, err, os.ErrInvalid)
	_, err = loop.Work(t.Context(), lp, job, nil)
	is(t, err, os.ErrInvalid)
	_, err = loop.Work(nil, lp, job, done) //lint:ignore SA1012 which is what is tested
	is(t, err, os.ErrInvalid)
	equal(t, "alive", lp.Alive(), false)
}

func TestWorkPanic(t *testing.T) {
	var told any
	o := loop.Options{OnPanic: func(h loop.Handle, value any, stack []byte) {
		if h != nil || len(stack) == 0 {
			t.Errorf("OnPanic(%T, %v, %d bytes)", h, value, len(stack))
		}
		told = value
	}}
	onExecutors(t, o, func(t *testing.T, lp *loop.Loop) {
		told = nil
		results := 0
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { panic(errBoom) },
			func(v int, err error) {
				var p *loop.PanicError
				if !errors.As(err, &p) || p.Value != errBoom || len(p.Stack) == 0 {
					t.Errorf("result %v, want a PanicError", err)
				}
				is(t, err, errBoom)
				equal(t, "told before", told, any(errBoom))
				results++
			})
		no(t, err)
		run(t, lp)
		equal(t, "results", results, 1)
	})
}

func TestWorkGoexit(t *testing.T) {
	for name, o := range map[string]loop.Options{
		"plain":   {},
		"guarded": {OnPanic: func(h loop.Handle, value any, _ []byte) { t.Errorf("OnPanic(%T, %v)", h, value) }},
	} {
		t.Run(name, func(t *testing.T) {
			onExecutors(t, o, func(t *testing.T, lp *loop.Loop) {
				results := 0
				_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
					runtime.Goexit()
					return 0, nil
				}, func(v int, err error) {
					is(t, err, loop.ErrJobExited)
					results++
				})
				no(t, err)
				run(t, lp)
				equal(t, "results", results, 1)
			})
		})
	}
}

func TestWorkOnAClosedLoop(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
		defer close(ended)
		close(begun)
		<-release
		return 0, nil
	}, func(int, error) { t.Error("a result on a closed loop") })
	no(t, err)
	<-begun
	no(t, lp.Close()) // which does not wait for jobs
	close(release)
	<-ended
}

// A panic that was on its way to the loop when that closed is told by Close; a result
// is not.
func TestWorkPanicBeforeTheLoopCloses(t *testing.T) {
	var told []any
	results := 0
	lp := newLoop(t, loop.Options{Executor: inline{}, OnPanic: func(h loop.Handle, v any, stack []byte) {
		if h != nil || len(stack) == 0 {
			t.Errorf("OnPanic(%v, %v, %d bytes)", h, v, len(stack))
		}
		told = append(told, v)
	}})
	work := func(job func()) {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { job(); return 0, nil },
			func(int, error) { results++ })
		no(t, err)
	}
	work(func() { panic(0) })
	run(t, lp) // told once, and not again
	work(func() { panic(1) })
	work(func() {})
	work(func() { panic(2) })
	no(t, lp.Close())
	if !slices.Equal(told, []any{0, 1, 2}) {
		t.Errorf("OnPanic was told %v", told)
	}
	equal(t, "results", results, 1)
}

// An Executor of somebody else's may recover what a job panics with: done is told then.
func TestWorkPanicThatTheExecutorRecovers(t *testing.T) {
	lp := newLoop(t, loop.Options{Executor: recovering{}})
	results := 0
	_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { panic(errBoom) }, func(_ int, err error) {
		is(t, err, errBoom)
		results++
	})
	no(t, err)
	run(t, lp)
	equal(t, "results", results, 1)
}

// recovering goes on, whatever a job does.
type recovering struct{}

func (recovering) Submit(job func()) error {
	go func() {
		defer func() { recover() }()
		job()
	}()
	return nil
}
