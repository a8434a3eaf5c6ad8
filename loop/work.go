package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"example.com/pike/poller"
)

// goroutines is the default Executor.
type goroutines struct{}

func (goroutines) Submit(job func()) error {
	go job()
	return nil
}

// A PanicError is the result of a job that panicked: on a loop whose OnPanic is set, or
// on an Executor that recovers what its jobs panic with.
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
// Work belongs to the loop's goroutine. An error (net.ErrClosed, ErrOffLoop, os.ErrInvalid
// for what is nil, or the executor's refusal) means that neither function will be
// called. An Executor whose Submit can wait, an *ants.Pool, is asked on another goroutine:
// its refusal comes to done.
func Work[T any](ctx context.Context, lp *Loop, job func(context.Context) (T, error), done func(T, error)) (*Job, error) {
	const op = "loop: work"
	if err := lp.checkCaller("loop.Work"); err != nil {
		return nil, err
	}
	if lp == nil || job == nil || done == nil || ctx == nil {
		return nil, invalid(op)
	}
	if lp.closed {
		return nil, &misuse{op, net.ErrClosed}
	}
	w := &work[T]{job: job, done: done}
	w.lp, w.ctx, w.settled = lp, ctx, w.finish
	lp.Maker().Hold() // the executor may run the job before Submit returns
	lp.jobs.begin(&w.Job, job)
	if ctx.Err() != nil {
		w.drop(context.Cause(ctx))
		return &w.Job, nil
	}
	if lp.submitter != nil {
		lp.submitter.submit(w.run, w.refused)
	} else if err := lp.executor.Submit(w.run); err != nil {
		if w.settle() {
			lp.Maker().Release()
			lp.jobs.end(&w.Job)
		}
		return nil, &misuse{op, err}
	}
	lp.yields.owe()
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
	panic   *PanicError // what it has panicked with, if it has
	settled func()      // finish, on the loop

	prev, next *Job        // in jobs.list
	began      poller.Time // when Work was called
	code       uintptr     // of the function, for Explain
}

// The states of a job: whoever moves it on from queued, or from begun, decides its outcome.
const (
	jobQueued = iota
	jobBegun
	jobEnded
	jobDropped
)

// Cancel drops a job that no executor has begun: it will not run, and done gets
// context.Canceled, not from inside Cancel. It reports false for a job that has
// begun or ended: done gets its result, or has got it. So it does where the loop is closed. It belongs to
// the loop's goroutine.
func (j *Job) Cancel() bool {
	if j.lp.checkCaller("loop.Job.Cancel") != nil || j.lp.closed {
		return false
	}
	return j.drop(context.Canceled)
}

// Abandon is Cancel for a job that may have begun. Such a job runs to its end, but the loop
// does not wait for it, and what it returns is dropped: done gets context.Canceled, not from
// inside Abandon. It is for jobs that do not watch their context, and reports false for
// one whose end is known, and where the loop is closed, which has dropped the results of all.
// It belongs to the loop's goroutine.
func (j *Job) Abandon() bool {
	if j.lp.checkCaller("loop.Job.Abandon") != nil || j.lp.closed {
		return false
	}
	return j.drop(context.Canceled) || j.state.CompareAndSwap(jobBegun, jobDropped) && j.dropped(context.Canceled)
}

// settle takes the job away from the executor.
func (j *Job) settle() bool {
	if !j.state.CompareAndSwap(jobQueued, jobDropped) {
		return false
	}
	j.lp.jobs.waiting.Add(-1)
	return true
}

func (j *Job) drop(err error) bool {
	return j.settle() && j.dropped(err)
}

// dropped tells the loop, and returns true.
func (j *Job) dropped(err error) bool {
	j.err = err
	j.lp.Post(j.settled)
	return true
}

// refused has done told that the executor does not want the job.
func (j *Job) refused(err error) { j.drop(&misuse{"loop: work", err}) }

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
	w.lp.jobs.waiting.Add(-1)
	w.lp.jobs.running.Add(1)
	var value T
	err := ErrJobExited // unless the job returns
	defer func() {
		w.lp.jobs.running.Add(-1)
		if v := recover(); v != nil {
			w.panicked(v)
		} else if w.state.CompareAndSwap(jobBegun, jobEnded) {
			w.value, w.err = value, err
			w.lp.Post(w.settled)
		}
	}()
	value, err = w.job(w.ctx)
}

func (w *work[T]) finish() {
	if w.forget != nil {
		w.forget()
	}
	w.lp.Maker().Release()
	w.lp.jobs.end(&w.Job)
	if w.panic != nil {
		w.lp.hear(w.panic)
	}
	w.done(w.value, w.err)
}
