package loop

import (
	"context"
	"net"
	"time"

	"example.com/pike/poller"
)

// Budgets of one turn.
const (
	timersPerTurn  = 4096
	postsPerTurn   = 1024
	flushesPerTurn = 4  // rounds of deferred work that deferred work caused
	ahead          = 16 // flushes that are looked at together before they are made
)

// Run runs the loop until nothing is left that could call back, or until Stop;
// Alive tells which. Inside a callback it returns ErrRunning, after Close
// net.ErrClosed; any other error is the poller's, and final.
func (l *Loop) Run() error { return l.RunContext(context.Background()) }

// RunContext is Run, and stops when ctx ends; it then returns ctx's cause.
func (l *Loop) RunContext(ctx context.Context) error {
	if ctx == nil {
		return invalid("loop: run")
	}
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	defer l.giveBack()
	if l.runner.Load() == 0 {
		l.noteRunner()
	}
	if ctx.Done() != nil {
		l.ctx = ctx
		stop := poller.AfterFunc(l.poller, ctx, l.interrupt)
		defer func() {
			stop()
			l.ctx = nil
		}()
	}
	for ctx.Err() == nil && l.alive() && !l.stop.Load() {
		if err := l.turn(l.deadline()); err != nil {
			return err
		}
	}
	l.stop.Store(false)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// RunOnce runs one turn, which waits for something to happen if there is
// nothing to do, and then the timers that have become due meanwhile. It reports
// whether the loop is still alive. It is for embedding a loop in a main loop
// that somebody else wrote; so is RunNoWait.
func (l *Loop) RunOnce() (alive bool, err error) {
	if err := l.enter(); err != nil {
		return false, err
	}
	defer l.leave()
	if !l.stop.Load() {
		limit := l.deadline()
		if l.runTimers() {
			limit = atOnce // something has happened
		}
		if err := l.afterTimers(limit); err != nil {
			return l.alive(), err
		}
		l.runTimers()
	}
	l.stop.Store(false)
	return l.alive(), nil
}

// RunNoWait runs one turn that does not wait. It reports whether the loop is
// still alive.
func (l *Loop) RunNoWait() (alive bool, err error) {
	if err := l.enter(); err != nil {
		return false, err
	}
	defer l.leave()
	if !l.stop.Load() {
		if err := l.turn(atOnce); err != nil {
			return l.alive(), err
		}
	}
	l.stop.Store(false)
	return l.alive(), nil
}

// Stop makes Run return at the end of the present turn; if the loop is not
// running, the next Run, RunOnce or RunNoWait returns without a turn. Any goroutine may
// call it. Handles stay as they are: Run may be called again.
func (l *Loop) Stop() {
	if l.gate != nil {
		l.gate.Enter()
	}
	l.stop.Store(true)
	l.interrupt()
}

// Alive reports whether anything is left that could call back: an active
// handle that is referenced, a handle that is closing, an operation in flight,
// or a posted function. After Close nothing is.
func (l *Loop) Alive() bool {
	if l.checkCaller("loop.Loop.Alive") != nil {
		return false
	}
	return !l.closed && l.needed()
}

// alive is true of a loop of a Group until that ends: the others may have something for it.
func (l *Loop) alive() bool { return l.member != nil || l.needed() }

// needed reports whether anything is left on the loop itself.
func (l *Loop) needed() bool {
	return l.active > 0 || l.closing > 0 || l.requests > 0 || l.deferred.any() || l.mail.any()
}

// Timeout is how long the next turn may wait: 0 if there is something to do,
// a negative value if only an event or a Post can end it. A loop that is not
// alive has nothing to wait for: 0. With Fd it lets another event loop wait for
// this one.
func (l *Loop) Timeout() time.Duration {
	if l.checkCaller("loop.Loop.Timeout") != nil {
		return 0
	}
	if l.pending() {
		return 0
	}
	switch d := l.deadline(); d {
	case atOnce:
		return 0
	case poller.Never:
		return -1
	default:
		return max(0, d.Sub(l.poller.Now()))
	}
}

// Fd is a descriptor that is readable when a turn has something to do, also
// after a Post: another loop can watch it, and call RunNoWait. ok is false where the
// poller has none, and after Close, when the number may be somebody else's. Any goroutine
// may call it.
func (l *Loop) Fd() (fd uintptr, ok bool) {
	d, has := l.poller.(poller.Descriptor)
	l.mail.mu.Lock() // which Close takes before it closes the poller
	defer l.mail.mu.Unlock()
	if !has || l.mail.closed {
		return 0, false
	}
	return d.Fd(), true
}

func (l *Loop) enter() error {
	if !l.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	switch {
	case l.closed:
		l.running.Store(false)
		return net.ErrClosed
	case l.member != nil && !l.member.serving: // whose Run is the only one
		l.running.Store(false)
		return ErrRunning
	}
	l.owner.enter()
	if l.watchdog != nil || l.asked.Load() {
		l.noteRunner()
	}
	l.work.begin()
	l.sleep.Store(awake)
	return nil
}

// leave also counts as falling asleep: whoever embeds the loop waits on its
// descriptor now, and a Post must make that readable. What is left over from this turn must
// make it readable as well, for example a Post that came too late for the turn.
func (l *Loop) leave() {
	if !l.closed {
		l.lookAround()
	}
	l.owner.leave()
	l.work.end(l)
	l.show()
	l.trimBy()
	l.sleep.Store(asleep)
	if l.busy() || l.pending() {
		l.interrupt()
	}
	l.runner.Store(0)
	l.running.Store(false)
}

// atOnce is a deadline that is always past.
const atOnce poller.Time = 0

// deadline is until when the next poll may wait. What runs in the turn before the poll may
// bring it forward, so that afterTimers asks again.
func (l *Loop) deadline() poller.Time {
	if !l.alive() || l.busy() {
		return atOnce
	}
	return l.timers.next()
}

// busy reports whether a poll must not wait.
func (l *Loop) busy() bool {
	return l.stop.Load() || l.idle.any() || l.deferred.any() || l.finishes.any() || l.mail.any() ||
		l.shutdown != nil && l.shutdown.ready()
}

// pending reports whether the poller will not wait either. A turn does not ask, as Poll
// knows it by itself, and as the question has a price: a queue that puts changes off has to
// tell the system first. It is for whoever embeds the loop and waits on its descriptor.
func (l *Loop) pending() bool {
	p, ok := l.poller.(poller.Pender)
	return ok && p.Pending()
}

// turn runs the phases; limit is atOnce for a turn that must not wait.
func (l *Loop) turn(limit poller.Time) error {
	l.runTimers()
	return l.afterTimers(limit)
}

// afterTimers is a turn without its timers.
func (l *Loop) afterTimers(limit poller.Time) error {
	l.runPosts()
	l.idle.run(l)
	l.prepare.run(l)
	l.flush()
	l.lookAround()
	if limit != atOnce {
		limit = l.deadline()
	}
	return l.poll(limit)
}

// poll is the second half of a turn.
func (l *Loop) poll(deadline poller.Time) error {
	err := l.wait(deadline)
	l.stale = true
	l.check.run(l)
	l.flush()
	l.runCloses()
	if l.shutdown != nil {
		l.shutdown.step()
	}
	if l.tally.Turns++; l.tally.Turns%trimTurns == 0 {
		l.giveBack()
	}
	return err
}

func (l *Loop) wait(deadline poller.Time) error {
	l.stale = true
	l.yields.yield(l.now, l.poller)
	l.show()
	l.observe()
	if deadline == atOnce {
		return l.poller.Poll(atOnce)
	}
	l.yields.asleep()
	deadline = min(deadline, l.trimBy())
	l.sleep.Store(asleep)
	// What was posted, stopped or cancelled before we said so woke nobody.
	if l.stop.Load() || l.mail.any() || l.ctx != nil && l.ctx.Err() != nil {
		deadline = atOnce
	}
	var began poller.Time
	if l.measureIdle {
		began = l.poller.Now()
	}
	err := l.poller.Poll(deadline)
	l.getUp()
	if l.measureIdle && deadline > began {
		l.waited += l.poller.Now().Sub(began)
	}
	return err
}

// runTimers reports whether any was due.
func (l *Loop) runTimers() (ran bool) {
	l.updateNow()
	if l.work.on {
		l.work.turn(l, l.now)
	}
	before := l.timers.seq + 1 // what is armed from here on waits for the next turn
	for range timersPerTurn {
		t := l.timers.pop(l.now, before)
		if t == nil {
			return ran
		}
		ran = true
		l.tally.Lag.add(l.now.Sub(t.due))
		l.tally.Callbacks++
		t.owner.Expired(t)
	}
	return ran
}

// runPosts leaves what its functions post to the next turn: one that posts
// itself goes on between events, not instead of them.
func (l *Loop) runPosts() {
	if oldest := l.mail.collect(); oldest > 0 {
		l.tally.Lag.add(l.now.Sub(oldest))
	}
	for range postsPerTurn {
		fn := l.mail.take()
		if fn == nil {
			return
		}
		l.tally.Callbacks++
		l.yields.owe()
		l.Maker().Call(nil, fn)
	}
}

// flush runs deferred work, and what that defers, for a few rounds.
func (l *Loop) flush() {
	for range flushesPerTurn {
		if !l.deferred.begin() {
			return
		}
		for n := 0; ; n++ {
			if n%ahead == 0 {
				l.prefetch()
			}
			f, ok := l.deferred.take()
			if !ok {
				break
			}
			f.Flush()
		}
	}
}

// prefetch loads the beginnings of what is flushed next. A callback that has written to many
// connections has touched each, but the first ones have left the cache since.
func (l *Loop) prefetch() {
	next := l.deferred.rest()
	if len(next) < 2 {
		return
	}
	sum := l.fetched
	for _, f := range next[:min(ahead, len(next))] {
		if f, ok := f.(poller.Prefetcher); ok {
			sum += f.Prefetch()
		}
	}
	l.fetched = sum
}

// lookAround flushes what EachTurn was given.
func (l *Loop) lookAround() {
	for i := len(l.eachTurn) - 1; i >= 0; i-- { // one may take itself out
		l.eachTurn[i].Flush()
	}
}

func (l *Loop) runCloses() {
	if !l.finishes.begin() {
		return
	}
	for {
		c, ok := l.finishes.take()
		if !ok {
			return
		}
		l.closing--
		l.Maker().Detach(c.handle)
		c.fn.Finished()
	}
}
