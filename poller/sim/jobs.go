package sim

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// A job is a function given to the Executor. It has a goroutine of its own. The world
// stands still until the job has ended, and nothing else runs meanwhile. But a job may wait for
// what the world has yet to do, and the world would stand still for ever. So such a job is let
// loose. From then on the world looks at it whenever code of a program has run. If the job goes
// on, the world stands still for it again.
//
// A loose job goes on beside the callback that has released it. What it does to the world must
// not depend on which of the two is faster. So the job stops at the gate before it does anything
// to the world, and waits there until the callback's turn is over.
type job struct {
	h    *Host
	life int64
	run  func()
	n    int64

	id     uint64        // of its goroutine; 0: nobody has looked yet
	over   chan struct{} // closed when run has ended
	fell   *panicked     // how, if it was that; read after over
	gate   atomic.Int32
	pass   chan struct{}
	family map[uint64]bool // goroutines that it has started, and theirs
	dead   bool            // its world has ended without it; under jobs.mu
	waits  string          // what it waited in, and where, at the last look
}

// The states of a job's gate.
const (
	gateNone int32 = iota
	gateAsked
	gateOpened
)

// Times of the real clock.
const (
	lookFirst = 50 * time.Microsecond // before a job that has begun is looked at
	lookMost  = 5 * time.Millisecond  // between looks at it

	// A job is given this much time while there are other goroutines that it may wait for,
	// such as a helper of the test.
	strangersMost = 50 * time.Millisecond

	// A world that has nothing left to do gives its jobs this much time before it is stuck,
	// because they may wait for a goroutine that has nothing to do with the world.
	lingerMost = 50 * time.Millisecond

	// gateMost is what a job waits at the gate. A callback that lasts longer needs
	// something that the job holds, a mutex perhaps.
	gateMost = time.Second
)

// yields are how often a job that has begun is yielded to before it is waited for.
const yields = 10

// lookEvery is in the time of the world.
const lookEvery = millisecond

// jobs are the loose ones of a world.
type jobs struct {
	next   poller.Time // when to look at them, at the latest
	coming bool        // an event is in the queue for that

	loose   []*job // in the order in which they were let loose
	n       atomic.Int32
	changed chan struct{} // one of them has ended, or stands at the gate
	timer   *time.Timer
	fallen  *panicked // for the root to panic with
	noisy   []*job    // as quieted has found it
	dump    []byte

	mu     sync.Mutex
	lines  map[uint64]bool // goroutines of jobs, and what those have started
	byID   map[uint64]*job
	closed chan struct{} // by the end of the world
}

func (j *job) happen(kind, int64) {
	if j.life != j.h.life || j.h.gone != nil || j.h.closed {
		return // the process that wanted it is no more
	}
	if j.h.stops(j.h.w.now) && j.h.chief.stopped.any() {
		j.h.chief.stopped.jobs = append(j.h.chief.stopped.jobs, j)
		return
	}
	js := &j.h.w.jobs
	js.init()
	j.over, j.pass = make(chan struct{}), make(chan struct{}, 1)
	go j.main(js)
	for i := 0; i < yields && !j.ended(); i++ {
		runtime.Gosched() // most jobs are short: if they run here no other thread has to be woken
	}
	js.quiet(append(js.loose[:len(js.loose):len(js.loose)], j), true) // which may release one another
	if j.ended() {
		j.finish()
		return
	}
	j.h.note(vJobWaits, 0, nil, j.n, eOK)
	looseIDs.Store(j.id, true)
	js.mu.Lock()
	js.byID[j.id] = j
	js.mu.Unlock()
	js.loose = append(js.loose, j)
	js.n.Add(1)
}

// looseIDs are the goroutines of all jobs that have been let loose, of every world.
var looseIDs sync.Map

func (js *jobs) init() {
	if js.changed == nil {
		js.changed, js.closed = make(chan struct{}, 1), make(chan struct{})
		js.byID, js.lines = map[uint64]*job{}, map[uint64]bool{}
		js.timer = realTimer(time.Hour)
	}
}

// main is the job's goroutine.
func (j *job) main(js *jobs) {
	changed := js.changed
	js.mu.Lock()
	js.lines[goroutineID()] = true
	js.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			j.fell = &panicked{j.h.name, v, debug.Stack()}
		}
		close(j.over)
		signal(changed)
	}()
	j.run()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (j *job) ended() bool {
	select {
	case <-j.over:
		return true
	default:
		return false
	}
}

// finish records the end of a job. A panic goes on where the world is run.
func (j *job) finish() {
	w := j.h.w
	j.h.note(vJob, 0, nil, j.n, eOK)
	if j.fell != nil {
		w.jobs.fallen = j.fell
		w.fail(j.fell)
	}
}

// rethrow goes on with the panic of a job.
func (w *World) rethrow() {
	if p := w.jobs.fallen; p != nil {
		w.jobs.fallen = nil
		panic(p)
	}
}

// settleAfter is settle after a turn of h. To look at all goroutines takes as long as a
// hundred turns, and a job mostly waits for its own loop. So after the turns of other hosts it
// looks only once in lookEvery.
func (w *World) settleAfter(h *Host) {
	js := &w.jobs
	w.tellEnded()
	switch {
	case js.n.Load() == 0:
	case w.now >= js.next || slices.ContainsFunc(js.loose, func(j *job) bool { return j.h == h }):
		w.settle()
	case !js.coming:
		js.coming = true
		w.queue.push(js.next, evCall, call(func() { js.coming = false }), 0) // settle follows
	}
}

// settle lets the loose jobs do what the code that has just run allows them to do. They
// go on one after the other, in an order that does not depend on how fast they are.
func (w *World) settle() {
	js := &w.jobs
	w.tellEnded()
	if js.n.Load() == 0 {
		return
	}
	js.next = w.now + lookEvery
	for ; ; w.tellEnded() {
		js.quiet(js.loose, false)
		if !js.oneGoesOn() {
			return
		}
	}
}

// oneGoesOn finds the first loose job that has ended or stands at the gate. It takes the one
// away, and opens the gate to the other.
func (js *jobs) oneGoesOn() bool {
	for i, j := range js.loose {
		switch {
		case j.ended():
			js.loose = append(js.loose[:i:i], js.loose[i+1:]...)
			js.mu.Lock()
			delete(js.byID, j.id)
			js.mu.Unlock()
			js.n.Add(-1)
			looseIDs.Delete(j.id)
			j.finish()
			return true
		case j.gate.CompareAndSwap(gateAsked, gateOpened):
			j.pass <- struct{}{}
			return true
		}
	}
	return false
}

// quiet waits until each job has ended, stands at the gate, or waits for others.
func (js *jobs) quiet(of []*job, begun bool) {
	began, pause := realNow(), time.Duration(0)
	if begun {
		pause = lookFirst
	}
	for js.quieted(of); len(js.noisy) > 0; js.quieted(of) {
		if pause > 0 {
			js.timer.Reset(pause)
			select {
			case <-js.changed:
				continue
			case <-js.timer.C:
			}
		}
		pause = min(max(lookFirst, 2*pause), lookMost)
		// Those that are quiet by now cannot release any that the look finds waiting.
		js.quieted(of)
		seen := js.look(js.noisy)
		if !seen.busy && (!begun || !seen.strangers || realSince(began) > strangersMost) {
			return
		}
	}
}

// quieted collects the jobs that have neither ended nor stand at the gate.
func (js *jobs) quieted(of []*job) {
	js.noisy = js.noisy[:0]
	for _, j := range of {
		if j.gate.Load() != gateAsked && !j.ended() {
			js.noisy = append(js.noisy, j)
		}
	}
}

// enter is the gate: what any goroutine passes before it does something to the world.
// Only loose jobs wait here. It reports whether there still is a world.
func (w *World) enter() bool {
	js := &w.jobs
	if js.n.Load() == 0 {
		return true
	}
	js.mu.Lock()
	j, closed := js.byID[goroutineID()], js.closed
	dead := j != nil && j.dead
	js.mu.Unlock()
	switch {
	case j == nil:
		return true
	case dead:
		return false
	}
	j.gate.Store(gateAsked)
	signal(js.changed)
	late := realTimer(gateMost)
	defer late.Stop()
	select {
	case <-j.pass:
	case <-closed:
		return false
	case <-late.C:
		if !j.gate.CompareAndSwap(gateAsked, gateNone) {
			<-j.pass
		}
	}
	j.gate.Store(gateNone)
	return true
}

// Enter is for loops, before they take something from another goroutine: see
// poller.Gate.
func (h *Host) Enter() { h.w.enter() }

// linger gives the loose jobs of a world that is at rest some time, and reports whether
// anything has come of it.
func (w *World) linger() bool {
	for end := realNow().Add(lingerMost); w.jobs.n.Load() > 0 && realNow().Before(end); {
		realSleep(lookMost)
		if w.settle(); w.err != nil || !w.atRest() {
			return true
		}
	}
	return false
}

// release lets the loose jobs end that still can, because the world has ended. The goroutine
// of a job that waits for what nobody will do any more stays.
func (js *jobs) release() {
	if js.n.Load() == 0 {
		return
	}
	select {
	case <-js.closed:
	default:
		close(js.closed)
	}
	for _, j := range js.loose {
		j.gate.CompareAndSwap(gateAsked, gateNone)
	}
	js.quiet(js.loose, false)
	for _, j := range js.loose {
		if j.ended() {
			looseIDs.Delete(j.id)
		}
	}
	js.mu.Lock() // World.Run may be called again
	defer js.mu.Unlock()
	for _, j := range js.loose {
		j.dead = true
	}
	js.loose, js.closed = nil, make(chan struct{})
}
