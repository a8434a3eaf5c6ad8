package loop

import (
	"context"
	"net"
	"os"
	"time"

	"example.com/pike/poller"
)

// ErrShutdown is the reason of what Shutdown cut off because its time was over,
// and the answer to those who would begin something new, a listener say, while the
// loop shuts down. It is a net.ErrClosed.
var ErrShutdown error = shutdownError{}

type shutdownError struct{}

func (shutdownError) Error() string { return "loop: shutting down" }
func (shutdownError) Unwrap() error { return net.ErrClosed }

// A Drainer is a handle that knows how to end in order. A handle without this
// method, a timer say, serves the others until they are done, and is closed then.
type Drainer interface {
	Handle

	// Drain is called on the loop, once, when a Shutdown begins. It stops what
	// would begin something new and reports whether the Shutdown should wait for
	// the handle to end by itself.
	Drain() (wait bool)
}

// A ShutdownReport says how a Shutdown went.
type ShutdownReport struct {
	Finished int           // connections, and other Drainers, that ended by themselves in time
	Cut      int           // those that had not, and were closed when the time was over
	Closed   int           // what else was closed: listeners, timers, sockets of UDP, watchers
	Jobs     int           // jobs of Work, and other operations, that were still under way in the end
	Took     time.Duration // by the loop's clock
	Err      error         // nil if all ended in time, else os.ErrDeadlineExceeded or the cause of the context
}

// Shutdown ends everything on the loop in order, and then makes Run return, as
// the Shutdown of net/http's server does. Listeners close. Connections may
// finish, and so may jobs of Work; meanwhile timers, sockets of UDP and all else go
// on. When the last connection has ended, or when the time is over, what is left is
// closed: connections that are cut off keep what the system has taken, and are
// told ErrShutdown. In the end done, if it is not nil, is called with what became of
// all, after the last close callback and as the last thing that Run does.
//
// The time is over grace from now by the loop's clock (a negative grace is no
// bound, 0 cuts off at once), or when ctx ends, which is real time even where the
// loop's is simulated. Calling it again while it is under way adds a bound, of
// which the first counts, and another done: a second signal can hurry it.
//
// A connection that has nothing to do is not distinguished from one that has:
// tcp.Listener.OnShutdown is where its owner does so, and closes it. ShuttingDown
// tells whoever might begin something new.
//
// The loop itself stays open, to be closed or to be run again. Shutdown belongs to
// the loop's goroutine, and calls nothing from inside; before Run it begins with Run.
// The error is os.ErrInvalid for a nil ctx and net.ErrClosed after Close. If the loop
// is closed before the end, done is not called.
func (l *Loop) Shutdown(ctx context.Context, grace time.Duration, done func(ShutdownReport)) error {
	const op = "loop: shutdown"
	if err := l.checkCaller("loop.Loop.Shutdown"); err != nil {
		return err
	}
	switch {
	case ctx == nil:
		return invalid(op)
	case l.closed:
		return &misuse{op, net.ErrClosed}
	}
	if l.shutdown == nil {
		l.shutdown = &shutdown{l: l, began: l.poller.Now()}
		l.shutdown.bound.Init(l.shutdown)
		l.Maker().Hold()
		l.Maker().Defer(l.shutdown)
	}
	if done != nil {
		l.shutdown.done = append(l.shutdown.done, done)
	}
	l.shutdown.limit(ctx, grace)
	return nil
}

// ShuttingDown reports whether a Shutdown is under way.
func (l *Loop) ShuttingDown() bool {
	if l.checkCaller("loop.Loop.ShuttingDown") != nil {
		return false
	}
	return l.shutdown != nil
}

// Cause is why the loop closes a handle, for the handle to ask in its methods
// CloseNow, Abort or Close: ErrShutdown while Shutdown cuts off what has not ended,
// and nil else. It is for packages that make handles.
func (m *Maker) Cause() error {
	l := m.l()
	if l.checkCaller("loop.Maker.Cause") != nil {
		return nil
	}
	return l.cause
}

// A shutdown is a Shutdown under way.
type shutdown struct {
	l      *Loop
	phase  shutdownPhase
	began  poller.Time
	bound  Timeout
	left   int // handles that are waited for
	turns  int // since what is left was cut off
	looks  int // turns after the grace, for what had arrived within it
	report ShutdownReport
	done   []func(ShutdownReport)
	forget []func() bool // the contexts
}

type shutdownPhase uint8

const (
	shutdownAsked  shutdownPhase = iota
	shutdownWaits                // for Drainers and jobs
	shutdownCloses               // what served them
	shutdownCuts                 // off what is left, when the time is over; see hurry
	shutdownOver
)

// shutdownPhases is what each phase does: enter when it begins, again at the end of each
// turn in which it is not ready, and next when it is. A phase without ready waits for a call.
var shutdownPhases = [...]struct {
	enter, again func(*shutdown)
	ready        func(*shutdown) bool
	next         shutdownPhase
}{
	shutdownAsked:  {next: shutdownWaits},
	shutdownWaits:  {enter: (*shutdown).drain, ready: (*shutdown).drained, next: shutdownCloses},
	shutdownCloses: {enter: (*shutdown).closeRest, again: (*shutdown).closeRest, ready: (*shutdown).empty, next: shutdownOver},
	shutdownCuts:   {enter: (*shutdown).cut, again: (*shutdown).cutAgain, ready: (*shutdown).empty, next: shutdownOver},
	shutdownOver:   {enter: (*shutdown).over},
}

func (s *shutdown) enter(phase shutdownPhase) {
	s.phase = phase
	shutdownPhases[phase].enter(s)
}

// ready reports whether step would go on to the next phase: no poll should wait then.
func (s *shutdown) ready() bool {
	ready := shutdownPhases[s.phase].ready
	return ready != nil && ready(s)
}

// step is the end of a turn.
func (s *shutdown) step() {
	for s.ready() || s.turns == closeTurns {
		if s.enter(shutdownPhases[s.phase].next); s.phase == shutdownOver {
			return
		}
	}
	if again := shutdownPhases[s.phase].again; again != nil {
		again(s)
	}
}

// limit adds a bound.
func (s *shutdown) limit(ctx context.Context, grace time.Duration) {
	l := s.l
	if due := l.poller.Now().Add(grace); grace >= 0 && s.phase != shutdownCuts && (!s.bound.Armed() || due < s.bound.Due()) {
		l.Maker().SetTimeout(&s.bound, due)
	}
	if ctx.Err() != nil {
		s.expire(context.Cause(ctx))
	} else if ctx.Done() != nil {
		s.forget = append(s.forget, poller.AfterFunc(l.poller, ctx, func() {
			l.Post(func() {
				if l.shutdown == s {
					s.expire(context.Cause(ctx))
				}
			})
		}))
	}
}

// Flush begins: not from inside Shutdown, since Drain calls back.
func (s *shutdown) Flush() {
	if s.phase != shutdownAsked || s.l.shutdown != s {
		return
	}
	if s.enter(shutdownWaits); s.report.Err != nil { // the time was over before it began
		s.hurry()
	}
}

// drain asks all to end in order.
func (s *shutdown) drain() {
	s.l.Walk(func(h Handle) {
		d, ok := h.(Drainer)
		switch {
		case !ok:
		case d.Drain():
			s.await(h.base())
		case h.Closing():
			s.report.Closed++
		}
	})
}

// drained reports whether all that is waited for has ended. One request is Shutdown's own.
func (s *shutdown) drained() bool { return s.left == 0 && s.l.requests == 1 }

// empty reports whether nothing is on the loop any more.
func (s *shutdown) empty() bool { return s.l.handles.n == 0 && s.l.closing == 0 }

// await counts a handle as one to wait for.
func (s *shutdown) await(b *Base) {
	if b.index != 0 && b.flags&awaited == 0 {
		b.flags |= awaited
		s.left++
	}
}

// attached is told of handles that are new: a connection that another needs in
// order to finish is waited for as well.
func (s *shutdown) attached(h Handle, b *Base) {
	if _, ok := h.(Drainer); ok && s.phase != shutdownAsked {
		s.await(b)
	}
}

// detached is told of handles that have ended.
func (s *shutdown) detached(b *Base) {
	if b.flags&awaited == 0 {
		return
	}
	s.settle(b)
	if s.phase == shutdownCuts {
		s.report.Cut++
	} else {
		s.report.Finished++
	}
}

// settle has a handle waited for no more.
func (s *shutdown) settle(b *Base) {
	b.flags &^= awaited
	s.left--
}

// Expired is the end of the grace, and afterwards the time to look again. What has arrived
// within the grace may end some handles in time. A loop that was late has yet to look at it,
// so it polls a few times first.
func (s *shutdown) Expired(*Timeout) {
	l := s.l
	if s.phase == shutdownWaits && s.bound.Due() > s.began && s.looks <= int(l.handles.n)/pollBrings+1 {
		s.looks++
		l.Maker().SetTimeout(&s.bound, l.poller.Now())
		return
	}
	s.expire(os.ErrDeadlineExceeded)
}

// pollBrings is how many sockets a Poll tells of at least if there are more; those that
// have waited longest come first.
const pollBrings = 256

// expire cuts off what is left.
func (s *shutdown) expire(err error) {
	if s.phase == shutdownCuts {
		return
	}
	if s.report.Err == nil {
		s.report.Err = err
	}
	if s.phase != shutdownAsked { // or else Flush looks at Err
		s.hurry()
	}
}

func (s *shutdown) hurry() {
	s.enter(shutdownCloses)
	s.enter(shutdownCuts)
}

// cut cuts off what has not ended in time. A handle whose close callback is queued has.
func (s *shutdown) cut() {
	s.l.Walk(func(h Handle) {
		if b := h.base(); b.flags&(finishing|awaited) == finishing|awaited {
			s.settle(b)
			s.report.Finished++
		}
	})
	s.endRest()
}

func (s *shutdown) cutAgain() {
	s.turns++
	s.endRest()
}

// endRest cuts off what is left, and what close callbacks have opened since.
func (s *shutdown) endRest() {
	s.l.cause = ErrShutdown
	s.l.Walk(endNow)
	s.l.cause = nil
	s.l.Maker().SetTimeout(&s.bound, s.l.poller.Now().Add(closeWait)) // a backend may take its time to end a socket
}

// closeRest closes what serves the connections.
func (s *shutdown) closeRest() {
	s.l.Walk(func(h Handle) {
		if h.base().flags&awaited == 0 && !h.Closing() {
			s.report.Closed++
			h.Close()
		}
	})
}

// over is the end.
func (s *shutdown) over() {
	l := s.l
	s.end()
	s.report.Jobs = l.requests
	s.report.Took = l.poller.Now().Sub(s.began)
	for _, fn := range s.done {
		l.Maker().Call(nil, func() { fn(s.report) })
	}
	l.stop.Store(true)
}

// end lets go of what would go on with it.
func (s *shutdown) end() {
	s.l.shutdown = nil
	s.l.Maker().Release()
	s.l.Maker().StopTimeout(&s.bound)
	for _, forget := range s.forget {
		forget()
	}
}
