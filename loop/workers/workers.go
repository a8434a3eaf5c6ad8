// Package workers is a pool of goroutines for the jobs of loop.Work, on
// github.com/panjf2000/ants.
//
//	pool, err := workers.New(workers.Options{})
//	lp, err := loop.New(loop.Options{Executor: pool})
//	...
//	lp.Run()
//	pool.Close()
//
// An *ants.Pool is an Executor by itself, but its Submit either waits or refuses when
// all goroutines are busy, so that the loop needs one more goroutine to call it; and it
// recovers what jobs panic with. A Pool queues, first in, first out, and a panic ends the
// program, unless the loop's OnPanic handles it.
//
// It is a package of its own because importing ants starts two goroutines that
// never end, which a program without a pool should not have.
package workers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"runtime"
	"sync"

	"github.com/panjf2000/ants/v2"
)

// ErrFull is returned by Submit when Options.MaxQueued jobs wait already.
var ErrFull = errors.New("workers: too many jobs are queued")

// Options are what a Pool is made with. The zero value works.
type Options struct {
	// Size is how many jobs run at the same time; 0 is four times GOMAXPROCS,
	// as they are expected to wait more than to compute.
	Size int

	// MaxQueued is how many more may wait; 0 is no bound.
	MaxQueued int
}

// A Pool runs jobs on a bounded number of goroutines. Its methods may be called
// from any goroutine.
type Pool struct {
	ants      *ants.Pool
	size      int
	maxQueued int

	mu       sync.Mutex
	idle     sync.Cond
	queue    []func()
	busy     int // goroutines that run jobs
	starting int // of them, those that have not taken their first one yet
	closed   bool
}

// New returns a Pool.
func New(o Options) (*Pool, error) {
	if o.Size < 0 || o.MaxQueued < 0 {
		return nil, fmt.Errorf("workers: negative option: %w", os.ErrInvalid)
	}
	if o.Size == 0 {
		o.Size = 4 * runtime.GOMAXPROCS(0)
	}
	p := &Pool{size: o.Size, maxQueued: o.MaxQueued}
	p.idle.L = &p.mu
	var err error
	p.ants, err = ants.NewPool(-1, ants.WithPanicHandler(crash))
	return p, err
}

// crash lets a job's panic end the program, as that of any goroutine: ants would
// log it and go on, and the job's done function would never be called.
func crash(v any) { panic(v) }

// Submit has job run as soon as a goroutine is free. It does not wait. It
// returns net.ErrClosed after Close, ErrFull, and os.ErrInvalid for a nil job.
func (p *Pool) Submit(job func()) error {
	if job == nil {
		return fmt.Errorf("workers: submit: %w", os.ErrInvalid)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return net.ErrClosed
	case p.busy == p.size && p.maxQueued > 0 && len(p.queue)-p.starting >= p.maxQueued:
		return ErrFull // what is about to begin does not wait
	}
	p.queue = append(p.queue, job)
	p.start()
	return nil
}

// start puts one more goroutine to work if there may be one. With the mutex
// held; ants does not wait, since its own bound is off, and does not refuse
// before Release.
func (p *Pool) start() {
	if p.busy < p.size && len(p.queue) > p.starting {
		p.busy++
		p.starting++
		p.ants.Submit(p.work)
	}
}

// work runs jobs until none is queued.
func (p *Pool) work() {
	done := false
	defer func() {
		if !done { // a job has called runtime.Goexit
			p.rest()
		}
	}()
	for job := p.first(); job != nil; job = p.take() {
		job()
	}
	done = true
}

// first is take for a goroutine that starts.
func (p *Pool) first() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	return p.next()
}

// take returns the next job; if there is none the goroutine is at rest.
func (p *Pool) take() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next()
}

func (p *Pool) next() func() {
	if len(p.queue) == 0 {
		p.leave()
		return nil
	}
	job := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return job
}

func (p *Pool) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave()
	p.start()
}

func (p *Pool) leave() {
	p.busy--
	if p.busy == 0 {
		p.idle.Broadcast()
	}
}

// Close refuses new jobs, waits for those it has, the queued ones included, and
// ends the goroutines. A second call returns net.ErrClosed. If a job of any Pool calls it, it
// returns os.ErrInvalid and changes nothing: jobs that wait for each other's pools, or for
// their own, would wait for ever. It cannot see that a job waits for a goroutine which calls
// Close.
func (p *Pool) Close() error {
	if insideJob() {
		return fmt.Errorf("workers: close inside a job: %w", os.ErrInvalid)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return net.ErrClosed
	}
	p.closed = true
	for p.busy > 0 || len(p.queue) > 0 {
		p.idle.Wait()
	}
	p.mu.Unlock()
	p.ants.Release()
	return nil
}

// insideJob reports whether the caller is a job. It finds work on the stack, but not of which
// pool it is.
func insideJob() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*n)
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		if f.Function == workName {
			return true
		}
		if !more {
			return false
		}
	}
}

// workName is what the runtime calls work.
var workName = runtime.FuncForPC(reflect.ValueOf((*Pool).work).Pointer()).Name()
