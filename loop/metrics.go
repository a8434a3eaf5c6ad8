package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// Metrics are what a loop has done, and what it has on its hands. What only grows is counted since
// the loop was made: Since is the difference of two readings. Add makes one of several loops'.
type Metrics struct {
	Turns  uint64 // of the loop, complete ones
	Events uint64 // that the poller has taken from the system, where it counts them

	// Callbacks counts timeouts, those of connections (IdleTimeout and the like) as well as
	// timers; posted functions, and with them results of jobs, signals and calls of Async;
	// and those of the hooks of NewIdle, NewPrepare and NewCheck. What the poller calls back,
	// I/O and Watch, is not among them: Events is nearest to that.
	Callbacks uint64

	// Idle is the time that the loop was blocked in the system because there was nothing to
	// do, or in a simulator the time that the world went on without it. Busy is the rest of
	// the time in Run. Both need Options.MeasureIdle.
	Idle, Busy time.Duration

	// Work is how long turns have taken, without the time that they waited: no callback has taken
	// longer than the longest of them. It needs Options.MeasureIdle.
	Work Histogram

	// Lag is how late timers were, and posted functions. A timer is as late as the beginning of the
	// callbacks of its turn is. Of functions that were posted together it counts the one that has waited
	// longest; in a simulator it counts none of them, because no time passes there but what the world makes.
	Lag Histogram

	// Slow is how many callbacks OnSlow was told of, each once, and Slowest how long the slowest of
	// them had run when OnSlow was told last. They need Options.Slow.
	Slow    uint64
	Slowest time.Duration

	// Asleep is 1 while the loop waits for events, and 0 while it runs callbacks, or nobody runs
	// it. Of several loops it is how many wait. A loop that is not asleep, and whose Turns do not
	// grow, is stuck in a callback.
	Asleep int

	Handles     int // on the loop: those that are active, open or closing
	Timers      int // armed timeouts, those of connections included
	Posts       int // functions that were posted and have not run
	JobsWaiting int // jobs of Work that no Executor has begun
	JobsRunning int // and those that run, given up ones included

	Counters
}

// Counters are what the packages that make handles count. They write them by [Maker.Counters].
type Counters struct {
	Conns   Conns   // connections of package stream, by state
	Ended   Ends    // connections that have ended, by reason
	Stream  Traffic // of connections
	Packets Traffic // of datagrams
}

// Conns are how many connections there are, by state.
type Conns struct {
	Dialing     int // they are being made
	Handshaking int // they have a layer that is not ready
	Open        int
	Closing     int // until OnClose
}

// Ends are how many connections have ended, by the reason that OnClose was told.
type Ends struct {
	Closed   uint64 // nil: Close, or both sides have ended
	EOF      uint64 // io.EOF: the peer has ended, and there was no OnEOF
	Reset    uint64 // syscall.ECONNRESET or EPIPE, by the peer
	TimedOut uint64 // os.ErrDeadlineExceeded or syscall.ETIMEDOUT
	Aborted  uint64 // stream.ErrAborted, or another net.ErrClosed
	Limited  uint64 // stream.ErrQueueLimit, and other limits
	Shutdown uint64 // ErrShutdown: the time of a Shutdown was over
	Failed   uint64 // all else: dials that were refused, layers that did not get ready
}

// Traffic is what has come and gone.
type Traffic struct {
	BytesIn  uint64 // that were received, as the program sees them: without what a layer adds
	BytesOut uint64 // that the system, or the layer, has taken

	// MessagesIn and MessagesOut are datagrams. Of a connection they are pieces that have arrived, one
	// for each OnRead that nothing keeps waiting, and calls of Write and its kin.
	MessagesIn, MessagesOut uint64

	Queued int // bytes written that the system has not taken
	Unread int // bytes received that are kept for an OnRead
}

// A board is where the loop shows its Metrics: a copy that belongs to who has taken it out. The loop
// never waits for it. It puts up a new one if somebody else has it.
type board struct {
	shown atomic.Pointer[Metrics]
	mu    sync.Mutex // of those who look: one takes the copy out at a time
	lags  uint64     // Lag.Count of the copy that the loop has put up last
	works uint64     // Work.Count of it
}

// Counters are what the packages that make handles count, each its own. They are plain fields, and
// become visible when the loop waits next.
func (m *Maker) Counters() *Counters { return &m.tally.Counters }

// Turns is how many turns of the loop are complete: of this moment, and not of the last wait as in Metrics.
func (m *Maker) Turns() uint64 {
	if m.l().checkCaller("loop.Maker.Turns") != nil {
		return 0
	}
	return m.tally.Turns
}

// Happened grows with everything that may have called back. It is of this moment, too.
func (m *Maker) Happened() uint64 {
	if m.l().checkCaller("loop.Maker.Happened") != nil {
		return 0
	}
	if m.meter == nil {
		return m.tally.Turns
	}
	return m.tally.Callbacks + m.meter.Events()
}

// Metrics are, in a callback of the loop, those of this moment. For other goroutines they are those of the
// moment in which the loop last began to wait for events, or in which Run last returned: any goroutine may
// call it, and the loop is not held up by that. Before the first turn they are zero, but for posts and jobs.
// Where a program calls RunOnce or RunNoWait, the first call in a callback finds what was before its turn.
func (l *Loop) Metrics() Metrics {
	if l.gate != nil {
		l.gate.Enter()
	}
	if l.onLoop() {
		l.show()
	}
	m := l.board.read()
	if l.sleep.Load() == poller.Waiting {
		m.Asleep = 1
	}
	l.mail.mu.Lock() // as a Post does
	m.Posts += len(l.mail.in)
	l.mail.mu.Unlock()
	m.JobsWaiting, m.JobsRunning = int(l.jobs.waiting.Load()), int(l.jobs.running.Load())
	if w := l.watchdog; w != nil {
		m.Slow, m.Slowest = w.told.Load(), time.Duration(w.slowest.Load())
	}
	return m
}

// onLoop reports whether the caller is a callback of the loop. It asks for the number of the goroutine, which takes a
// microsecond, so that RunOnce and RunNoWait note theirs only when somebody has asked for it.
func (l *Loop) onLoop() bool {
	if !l.running.Load() || l.sleep.Load() == poller.Waiting {
		return false
	}
	id := l.runner.Load()
	if id == 0 {
		l.asked.Store(true)
		return false
	}
	return id == idOfGoroutine(new([64]byte))
}

// noteRunner notes which goroutine runs the loop, until leave.
func (l *Loop) noteRunner() { l.runner.Store(idOfGoroutine(&l.line)) }

// read copies what is shown. The loop has it for some nanoseconds at a time only, but the system may
// take the processor away in those.
func (b *board) read() (m Metrics) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var shown *Metrics
	for shown = b.shown.Swap(nil); shown == nil; shown = b.shown.Swap(nil) {
		runtime.Gosched()
	}
	m = *shown
	b.shown.CompareAndSwap(nil, shown) // unless the loop has shown something newer
	return m
}

// show puts up what there is now. It is before each wait, and so it is short: two exchanges and
// a copy.
func (l *Loop) show() {
	b, t := &l.board, &l.tally
	m := b.shown.Swap(nil)
	if m == nil { // somebody looks at it, and keeps it
		m, b.lags, b.works = new(Metrics), ^uint64(0), ^uint64(0)
	}
	m.Turns, m.Callbacks, m.Counters = t.Turns, t.Callbacks, t.Counters
	if l.meter != nil {
		m.Events = l.meter.Events()
	}
	m.Idle, m.Busy = l.waited, t.Busy
	m.Handles, m.Timers, m.Posts = int(l.handles.n), l.timers.len(), len(l.mail.out)-l.mail.next
	if b.lags != t.Lag.Count {
		b.lags, m.Lag = t.Lag.Count, t.Lag
	}
	if b.works != t.Work.Count {
		b.works, m.Work = t.Work.Count, t.Work
	}
	b.shown.Store(m)
}

// A workMeter tells work from waiting, with Options.MeasureIdle.
type workMeter struct {
	on     bool
	from   poller.Time   // the time is accounted for up to then
	waited time.Duration // Loop.waited then
}

// begin has the first turn only set the time from which the next counts.
func (w *workMeter) begin() { w.from = -1 }

// turn accounts for the time up to now, the beginning of a turn or the end of Run.
func (w *workMeter) turn(l *Loop, now poller.Time) {
	if w.from >= 0 { // else a Run begins, and nothing was done yet
		took := max(0, now.Sub(w.from)-(l.waited-w.waited))
		l.tally.Busy += took
		l.tally.Work.add(took)
	}
	w.from, w.waited = now, l.waited
}

func (w *workMeter) end(l *Loop) {
	if w.on && w.from >= 0 {
		w.turn(l, l.poller.Now())
	}
}

// Since is what has happened after an earlier reading. What does not only grow (Asleep, Handles,
// Timers, Posts, jobs, Conns, Queued, Unread) is that of m, and so is Slowest.
func (m Metrics) Since(before *Metrics) Metrics {
	m.Turns -= before.Turns
	m.Events -= before.Events
	m.Callbacks -= before.Callbacks
	m.Idle -= before.Idle
	m.Busy -= before.Busy
	m.Work = m.Work.Since(&before.Work)
	m.Lag = m.Lag.Since(&before.Lag)
	m.Slow -= before.Slow
	m.Ended.each(&before.Ended, func(n *uint64, o uint64) { *n -= o })
	m.Stream.each(&before.Stream, func(n *uint64, o uint64) { *n -= o })
	m.Packets.each(&before.Packets, func(n *uint64, o uint64) { *n -= o })
	return m
}

// Add is m and o together: of two loops.
func (m Metrics) Add(o *Metrics) Metrics {
	m.Turns += o.Turns
	m.Events += o.Events
	m.Callbacks += o.Callbacks
	m.Idle += o.Idle
	m.Busy += o.Busy
	m.Work = m.Work.Add(&o.Work)
	m.Lag = m.Lag.Add(&o.Lag)
	m.Slow += o.Slow
	m.Slowest = max(m.Slowest, o.Slowest)
	m.Asleep += o.Asleep
	m.Handles += o.Handles
	m.Timers += o.Timers
	m.Posts += o.Posts
	m.JobsWaiting += o.JobsWaiting
	m.JobsRunning += o.JobsRunning
	m.Conns.Dialing += o.Conns.Dialing
	m.Conns.Handshaking += o.Conns.Handshaking
	m.Conns.Open += o.Conns.Open
	m.Conns.Closing += o.Conns.Closing
	sum := func(n *uint64, o uint64) { *n += o }
	m.Ended.each(&o.Ended, sum)
	for _, t := range [...]struct{ to, from *Traffic }{{&m.Stream, &o.Stream}, {&m.Packets, &o.Packets}} {
		t.to.each(t.from, sum)
		t.to.Queued += t.from.Queued
		t.to.Unread += t.from.Unread
	}
	return m
}

func (e *Ends) each(o *Ends, fn func(n *uint64, o uint64)) {
	fn(&e.Closed, o.Closed)
	fn(&e.EOF, o.EOF)
	fn(&e.Reset, o.Reset)
	fn(&e.TimedOut, o.TimedOut)
	fn(&e.Aborted, o.Aborted)
	fn(&e.Limited, o.Limited)
	fn(&e.Shutdown, o.Shutdown)
	fn(&e.Failed, o.Failed)
}

func (t *Traffic) each(o *Traffic, fn func(n *uint64, o uint64)) {
	fn(&t.BytesIn, o.BytesIn)
	fn(&t.BytesOut, o.BytesOut)
	fn(&t.MessagesIn, o.MessagesIn)
	fn(&t.MessagesOut, o.MessagesOut)
}
