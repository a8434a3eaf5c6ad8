package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"

	"example.com/pike/poller"
)

// goroutines is the default Executor.
type goroutines struct{}

func (goroutines) Submit(job func()) error {
	go job()
	return nil
}

// A PanicError is the result of a job that panicked on a loop whose OnPanic is
// set.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says that the job panicked, and with what.
func (e *PanicError) Error() string { return fmt.Sprintf("loop: job panicked: %v", e.Value) }

// Unwrap is the value, where the job panicked with an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ErrJobExited is the result of a job that called runtime.Goexit.
var ErrJobExited = errors.New("loop: job ended by runtime.Goexit")

// Work runs job off the loop, on its Executor, and then done on the loop with
// what job returned: exactly once, never before Work has returned. The loop
// stays alive until then; if it is closed before, done is not called.
//
// If ctx ends before an executor has begun the job, the job never runs, and
// done gets ctx's cause without waiting for the executor. A job that has begun
// runs to its end, and done gets its result: it is up to the job to watch the
// context it is given.
//
// Work belongs to the loop's goroutine. An error (net.ErrClosed, os.ErrInvalid
// for what is nil, or the executor's refusal) means that neither function
// will be called.
func Work[T any](ctx context.Context, lp *Loop, job func(context.Context) (T, error), done func(T, error)) (*Job, error) {
	const op = "loop: work"
	lp.Check("loop.Work")
	if lp == nil || job == nil || done == nil || ctx == nil {
		return nil, invalid(op)
	}
	if lp.closed {
		return nil, &misuse{op, net.ErrClosed}
	}
	w := &work[T]{job: job, done: done}
	w.lp, w.ctx, w.settled = lp, ctx, w.finish
	lp.Hold() // the executor may run the job before Submit returns
	if ctx.Err() != nil {
		w.drop(context.Cause(ctx))
		return &w.Job, nil
	}
	if err := lp.executor.Submit(w.run); err != nil {
		if w.settle() {
			lp.Release()
		}
		return nil, &misuse{op, err}
	}
	lp.owed = true
	if ctx.Done() != nil {
		w.forget = poller.AfterFunc(lp.poller, ctx, func() { w.drop(context.Cause(ctx)) })
	}
	return &w.Job, nil
}

// A Job is a call of Work.
type Job struct {
	lp      *Loop
	ctx     context.Context
	forget  func() bool
	state   atomic.Int32
	err     error
	settled func() // finish, on the loop
}

// The states of a job: whoever moves it on from queued decides its outcome.
const (
	jobQueued = iota
	jobBegun
	jobDropped
)

// Cancel drops a job that no executor has begun: it will not run, and done gets
// context.Canceled, not from inside Cancel. It reports false for a job that has
// begun or ended, whose result done gets, or got. It belongs to the loop's goroutine.
func (j *Job) Cancel() bool {
	j.lp.Check("loop.Job.Cancel")
	return j.drop(context.Canceled)
}

// settle takes the job away from the executor.
func (j *Job) settle() bool { return j.state.CompareAndSwap(jobQueued, jobDropped) }

func (j *Job) drop(err error) bool {
	if !j.settle() {
		return false
	}
	j.err = err
	j.lp.Post(j.settled)
	return true
}

// work is a Job with its functions.
type work[T any] struct {
	Job
	job   func(context.Context) (T, error)
	done  func(T, error)
	value T
}

func (w *work[T]) run() {
	if w.ctx.Err() != nil { // which drop may not have been told yet
		w.drop(context.Cause(w.ctx))
	}
	if !w.state.CompareAndSwap(jobQueued, jobBegun) {
		return
	}
	w.err = ErrJobExited // unless the job returns
	defer w.ran()
	w.value, w.err = w.job(w.ctx)
}

// ran posts the outcome. Where the loop handles panics it handles this one too;
// otherwise the panic goes on and ends the program, before done could be told
// of a job that has merely exited.
func (w *work[T]) ran() {
	if v := recover(); v != nil {
		if !w.lp.Guarded() {
			panic(v)
		}
		w.err = &PanicError{v, debug.Stack()}
	}
	w.lp.Post(w.settled)
}

func (w *work[T]) finish() {
	if w.forget != nil {
		w.forget()
	}
	w.lp.Release()
	if p, ok := w.err.(*PanicError); ok {
		w.lp.onPanic(nil, p.Value, p.Stack)
	}
	w.done(w.value, w.err)
}
