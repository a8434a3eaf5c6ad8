// Package loop runs callbacks on one goroutine: a [Loop] owns a poller and
// calls back for timers, posted functions and whatever the socket packages
// (tcp, udp), timer and signal hang on it.
//
//	lp, err := loop.New(loop.Options{})
//	...                       // open listeners, start timers
//	err = lp.Run()            // until nothing is left that could call back, or Stop
//
// # One goroutine
//
// A Loop belongs to the goroutine that runs it, and so does every handle on it:
// before Run to whoever sets it up, afterwards to its callbacks. Only
// [Loop.Post], [Loop.Stop], [Loop.Metrics] and [Async.Send] may be called from elsewhere, and
// Post and AsyncWrite of a connection (package stream). Post is how everything else gets onto
// the loop. In race builds (go test -race) and under
// the build tag pikedebug a method that is called off the loop's goroutine
// panics with its name. What blocks belongs into [Work], which runs a job on an
// [Executor] and brings its result back onto the loop.
//
// # A turn
//
// Each turn of the loop has these phases, in this order:
//
//  1. timers that are due, ordered by due time and then by when they were armed
//  2. posted functions, in the order posted
//  3. idle watchers, then prepare watchers
//  4. deferred work: what callbacks have written is sent
//  5. poll, whose upcalls are the I/O callbacks; it blocks until the next timer
//     is due, and not at all if anything is left to do
//  6. check watchers
//  7. deferred work again
//  8. close callbacks, in the order in which closing ended
//
// Every source has a budget for each turn, and what is left over comes first in
// the next: a flood of posts delays neither I/O nor timers. Everything is first
// in, first out.
//
// # Handles
//
// A handle is an object on the loop that can call back: a timer, a listener, a
// connection, a watcher. It is active while it can, and an active handle keeps
// Run going unless [Base.Unref] was called. Closing a handle keeps Run going until
// its close callback has been made.
//
// # Misuse
//
// Misuse is an error, never a crash. A closed handle or loop answers
// [net.ErrClosed]; a bad argument, a nil function or loop among them,
// [os.ErrInvalid]; Run and Close inside a callback [ErrRunning]. What has no error to return does
// nothing and reads as empty. All else may be called in any callback, before Run,
// and twice. Handles are made by functions: the zero value of a handle's type has
// no loop, and no method of it may be called; nor may the methods for packages that
// make handles (Attach and those after it) with a handle that is nil or of another loop.
//
// # Panics
//
// A callback that panics ends the program, unless [Options.OnPanic] says
// otherwise: it is then told, the handle that called back is closed (a connection is
// aborted), and the loop goes on. A job of Work that panics has a [PanicError] as its result;
// if the loop is closed before done could be told, OnPanic is told by Close; after that it is
// logged or, without a logger, goes on to the Executor. OnPanic itself must not panic.
//
// # Memory
//
// What a burst has made grow (the queues of posted functions and of what is put off, the
// table of handles, the heap of timers that are due) goes back to Go's collector when Run
// returns, and while it goes on within 1,024 turns or about a second: of what is not a quarter in
// use the loop keeps 4,096 entries each, which is less than a MiB for all.
//
// # Shutting down
//
// [Loop.Stop] makes Run return and leaves everything as it is; [Loop.Close] ends everything at
// once; [Loop.Shutdown] ends it in order: what would begin something new closes, connections
// finish, and the rest is closed after that, or when the time is over.
package loop

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// ErrRunning is returned by calls that a running loop, or a callback of it,
// must not make: Run inside Run, and Close.
var ErrRunning = errors.New("loop: already running")

// ErrOffLoop is the answer to a call from a goroutine that is not the loop's, where it
// is found out: while the loop waits for events, and in debug builds always. The error
// that wraps it begins with the name of the method, which has done nothing. Loop.Post
// is the way to call it from there.
var ErrOffLoop = errors.New("called off the loop's goroutine; use Loop.Post")

// Options are what a Loop is made with. The zero value works.
type Options struct {
	// Poller is the event queue to own; nil opens the system's best, or what the
	// environment variable PIKE_POLLER names. The loop closes it.
	Poller poller.Poller

	// Backend names the poller to open where Poller is nil; see system.Open.
	Backend string

	// Executor runs the jobs of Work. By default it is the poller's own, which
	// only a simulated one has, or else a new goroutine for each job; package
	// loop/workers has a pool.
	Executor Executor

	// Resolver answers host names, off the loop. By default the poller's own or
	// else net.DefaultResolver.
	Resolver Resolver

	// Logger is told what no callback can be told. By default nobody is.
	Logger *slog.Logger

	// OnPanic is called on the loop with what a callback panicked with and the
	// stack of that moment; the handle that called back is then closed, and the
	// loop goes on. The handle is nil where the callback had none, a posted
	// function say. By default a panic takes the program down, its stack intact.
	OnPanic func(h Handle, value any, stack []byte)

	// MeasureIdle makes Metrics report the time spent waiting, and working. A turn that waits then
	// reads the clock twice more, and makes one more system call, to see whether it has to wait.
	MeasureIdle bool

	// Slow is how long a callback may run. OnSlow is told of one that runs longer, while it runs: of
	// what calls back (the type of the handle, "stream.Conn" say, or "post"), how long that has
	// run by then, and where the loop's goroutine is at that moment. What runs a quarter longer than
	// Slow is reported in any case (and half a millisecond, for a Slow of less than 2 ms), and what
	// takes less than Slow never. One that goes on is reported again each time that the time has
	// doubled, so that a program that is stuck for ever says so. 0 is off. With Slow alone the
	// Logger is told.
	//
	// OnSlow is called on a goroutine of its own, at the same time as the callback. The stack is empty
	// where the callback has ended in that moment. To take it stops all goroutines for some
	// microseconds each. A loop that has nothing to do has no clock running for this.
	//
	// On a simulated poller nothing is reported, because code takes no time in its world, and what real
	// time it takes is different each time.
	Slow   time.Duration
	OnSlow func(kind string, took time.Duration, stack []byte)

	// OnKind, if set, is called on the loop before each callback of another kind than the one before: with
	// the type of its handle, or "post". It is for labels in profiles (runtime/pprof): the Example of it shows how.
	OnKind func(kind string)
}

// An Executor runs what blocks. Submit may be called by any goroutine and must not block,
// whatever is going on, as the loop calls it; an error means that the job will not run, and
// without one it runs once, whatever the jobs before it have done. Package loop/workers has
// one that keeps this.
//
// An *ants.Pool does not keep this, and works all the same. Its Submit waits while all
// goroutines are busy, so the loop calls it on a goroutine of its own. It recovers what jobs
// panic with; done gets that as its result, some time later. An Executor with a method
// Waiting() int is taken to wait, and any Executor but the default to recover.
type Executor = poller.Executor

// A Resolver answers host names. *net.Resolver is one.
type Resolver = poller.Resolver

// A Loop runs callbacks on the goroutine that calls Run. While it waits for events it takes
// a thread of the system, as a blocking system call does: a thousand loops that are idle are
// a thousand threads, and Go ends a program that has 10,000 (debug.SetMaxThreads). One for
// each processor is what serves most.
type Loop struct {
	poller   poller.Poller
	executor Executor
	resolver Resolver
	gate     poller.Gate // nil: there is none
	log      *slog.Logger
	onPanic  func(Handle, any, []byte)

	now      poller.Time
	stale    bool // now was read before the poll, or in it
	yields   yielder
	timers   timeouts
	eachTurn []Flusher
	trim     trimmer
	mail     mailbox
	deferred rounds[Flusher]
	fetched  byte           // keeps the compiler from dropping loads
	finishes rounds[closer] // close callbacks that are due
	prepare  hooks
	check    hooks
	idle     hooks

	locals   map[any]any
	handles  handles
	active   int // handles that are active and referenced
	closing  int // handles whose close callback is to come
	requests int // operations in flight that hold the loop; see Hold

	member   *member   // of a Group; nil if it is of none
	shutdown *shutdown // nil unless one is under way
	cause    error     // see Cause

	tally       Metrics // what is counted, as the loop itself sees it
	board       board   // what others see of it
	work        workMeter
	meter       poller.Meter // nil if the poller is none
	jobs        jobs
	waited      time.Duration
	measureIdle bool // here, as the poller cannot

	watchdog *watchdog // nil without Options.Slow, and in a simulator
	observed bool      // callbacks go through Maker.guard
	onKind   func(kind string)
	kind     reflect.Type // that onKind was told of
	kindTold bool         // which may be none

	submitter  *submitter // nil if executor may be called on the loop
	mayRecover bool       // executor is not our own, and panics may end there

	running atomic.Bool
	runner  atomic.Uint64 // the goroutine that runs the loop, as far as it is noted; see onLoop
	asked   atomic.Bool   // who runs the loop is to be noted by RunOnce and RunNoWait, too
	line    [64]byte      // for noteRunner
	stop    atomic.Bool
	sleep   atomic.Uint32 // awake or not
	closed  bool
	ctx     context.Context // of RunContext, while it runs; nil if it cannot end
	owner   owner
}

// New returns a Loop. The errors are those of opening the poller.
func New(o Options) (*Loop, error) {
	p := o.Poller
	if p == nil {
		var err error
		if p, err = system.Open(o.Backend); err != nil {
			return nil, err
		}
	}
	l := &Loop{poller: p, log: o.Logger, onPanic: o.OnPanic}
	l.board.shown.Store(new(Metrics))
	l.meter, _ = p.(poller.Meter)
	l.mail.clock, _ = p.(poller.Timekeeper)
	l.work.on = o.MeasureIdle
	if w, ok := p.(poller.Waiter); o.MeasureIdle && ok {
		w.MeasureWaits(&l.waited)
	} else {
		l.measureIdle = o.MeasureIdle
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.executor, l.mayRecover = executorOf(o.Executor, p), o.Executor != nil
	l.submitter = newSubmitter(l.executor)
	l.gate, _ = p.(poller.Gate)
	l.resolver = resolverOf(o.Resolver, p)
	if o.Slow > 0 && l.gate == nil {
		l.watchdog = newWatchdog(l, o.Slow, o.OnSlow)
	}
	l.onKind = o.OnKind
	l.observe()
	l.now = p.Now()
	l.timers.init(l.now)
	l.trim.init(l)
	l.sleep.Store(asleep)
	if s, ok := p.(poller.Sleeper); ok {
		s.MarkWaits(&l.sleep)
	}
	if x, ok := p.(poller.Inquirer); ok {
		x.Inquire(l.explainFrom)
	}
	return l, nil
}

func executorOf(e Executor, p poller.Poller) Executor {
	if e != nil {
		return e
	}
	if e, ok := p.(Executor); ok {
		return e
	}
	return goroutines{}
}

func resolverOf(r Resolver, p poller.Poller) Resolver {
	if r != nil {
		return r
	}
	if r, ok := p.(Resolver); ok {
		return r
	}
	return systemResolver{}
}

type systemResolver struct{}

func (systemResolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// Now is the time of the present phase of the turn. Before the poll it is when the turn
// began. In the callbacks of the poll it is when the first of them asked for it, and after
// the poll likewise. UpdateNow reads the clock afresh. The clock is the poller's, and does
// not follow the wall clock.
func (l *Loop) Now() poller.Time {
	if l.checkCaller("loop.Loop.Now") != nil {
		return 0
	}
	if l.stale {
		return l.UpdateNow()
	}
	return l.now
}

// UpdateNow reads the clock, for callbacks that have run long.
func (l *Loop) UpdateNow() poller.Time {
	if l.checkCaller("loop.Loop.UpdateNow") != nil {
		return 0
	}
	l.updateNow()
	return l.now
}

func (l *Loop) updateNow() { l.now, l.stale = l.poller.Now(), false }

// Poller is the poller that the loop owns, for packages that make handles.
func (m *Maker) Poller() poller.Poller { return m.poller }

// Resolver answers host names for this loop. Its calls block: use them in Work.
func (l *Loop) Resolver() Resolver { return l.resolver }

// Logger is where the loop and its handles log.
func (l *Loop) Logger() *slog.Logger { return l.log }

// Close ends the loop and everything on it. Handles are closed, and their close
// callbacks are made. Output that the system takes at once is sent, and the rest is
// dropped. Functions still posted are dropped, and so are the results of jobs. Then the
// poller is closed. It must not be called while the loop runs
// (ErrRunning); again, it returns net.ErrClosed.
func (l *Loop) Close() error {
	if err := l.checkCaller("loop.Loop.Close"); err != nil {
		return err
	}
	if l.closed {
		return net.ErrClosed
	}
	if !l.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	l.owner.enter()
	defer l.leave()
	if l.shutdown != nil {
		l.shutdown.end()
	}
	for closed := false; !closed; closed = l.mail.close() {
		l.takeIn() // what is on its way here ends with all the others
		l.shutHandles()
	}
	l.closed = true
	l.tellPanics()
	if l.watchdog != nil {
		l.watchdog.close()
	}
	return l.poller.Close()
}

// Limits on how long handles may take to close. An owner that opens new ones in
// its close callbacks would go on for ever, and a backend may take its time.
const (
	closeTurns   = 1000
	closeFlushes = 1024             // of what is queued, so that callbacks that write again come to an end
	closeWait    = time.Millisecond // for each turn
)

// shutHandles first closes all as a user would, so that the system still sends what it
// takes at once. Then it closes the rest by force.
func (l *Loop) shutHandles() {
	l.Walk(func(h Handle) { h.Close() })
	for i := range closeTurns {
		if i > 0 && !l.finishes.any() && !l.deferred.any() && l.poller.Poll(l.poller.Now().Add(closeWait)) != nil {
			return
		}
		if l.poll(atOnce) != nil || l.handles.n == 0 && l.closing == 0 {
			return
		}
		// A long queue goes out in many flushes, as far as the system takes it.
		for n := 0; l.deferred.any() && n < closeFlushes; n++ {
			l.flush()
		}
		l.Walk(endNow)
	}
}

// endNow closes a handle by force. It may be closing already and wait for its peer.
func endNow(h Handle) {
	if h.base().flags&finishing != 0 {
		return
	}
	switch h := h.(type) {
	case interface{ CloseNow() error }:
		h.CloseNow()
	case interface{ Abort() error }:
		h.Abort()
	default:
		h.Close()
	}
}

// invalid is a misuse that the caller can mend.
func invalid(op string) error { return &misuse{op, os.ErrInvalid} }

// misuse names the call that was wrong.
type misuse struct {
	op  string
	err error
}

func (m *misuse) Error() string { return m.op + ": " + m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }
