package sim

import (
	"errors"
	"fmt"

	"example.com/pike/poller"
)

// What ends a world or a Poll.
var (
	// ErrDeadlock ends a world in which somebody waits and nothing can happen any more.
	// What another goroutine may be about to do does not count.
	ErrDeadlock = errors.New("deadlock")

	// ErrLimit ends a world that has reached Config.Limit or Config.Steps.
	ErrLimit = errors.New("limit reached")

	// ErrKilled is what Poll returns on a host that has crashed or was killed. The
	// program must return, because its sockets are gone.
	ErrKilled = errors.New("sim: the process is gone")

	// ErrOver is what Poll returns when the world has ended by a failure. The program
	// of a Daemon gets it also when all other programs have returned.
	ErrOver = errors.New("sim: the world has ended")
)

// An Outcome is the error of a world that could not go on.
type Outcome struct {
	Err   error // ErrDeadlock or ErrLimit
	Seed  uint64
	At    poller.Time
	State string // of every host, some lines each

	waits map[string]bool // whom Run waits for
}

// Error says what has happened, with State.
func (o *Outcome) Error() string {
	return fmt.Sprintf("sim: %v at %s (seed %d)\n%s", o.Err, clock(o.At), o.Seed, o.State)
}

// Unwrap lets errors.Is find ErrDeadlock and ErrLimit.
func (o *Outcome) Unwrap() error { return o.Err }

func (w *World) stuck(err error) {
	w.fail(&Outcome{Err: err, Seed: w.seed, At: w.now, State: w.State(), waits: w.awaited()})
}

// Run lets the programs run until all that Go was given have returned. It
// returns what has gone wrong: the error of a program, a deadlock, a limit.
func (w *World) Run() error {
	if w.rooted {
		panic("sim: Run inside the world")
	}
	if err := w.runnable(); err != nil {
		w.fail(err)
	}
	w.rooted, w.awaits = true, true
	defer w.over()
	for w.running > 0 && w.err == nil {
		if h := w.next(); h != nil {
			h.resume()
			w.settle()
			w.verify()
		}
	}
	w.rethrow()
	w.rooted = false
	if w.err == nil {
		w.fail(w.unmet())
	}
	return w.err
}

// errNoProgram is a test that would pass whatever its programs do.
var errNoProgram = errors.New("sim: World.Run has nothing to wait for: every program is a Daemon")

// runnable says why Run would run nothing.
func (w *World) runnable() error {
	if w.running > 0 {
		return nil
	}
	for _, h := range w.hosts {
		if h.program != nil {
			return errNoProgram
		}
	}
	return nil
}

// idle reports whether some program that was given to Go or Daemon has not begun.
func (w *World) idle() bool {
	for _, h := range w.hosts {
		if h.program != nil && !h.begun {
			return true
		}
	}
	return false
}

// over makes every program that is left return.
func (w *World) over() {
	w.rooted, w.awaits = true, false
	defer func() { w.rooted = false }()
	defer w.jobs.release()
	w.end(0)
}

// end is over for the hosts from i on, and for all of them where one panics.
func (w *World) end(i int) {
	for ; i < len(w.hosts); i++ {
		if h := w.hosts[i]; h.program != nil {
			defer w.end(i + 1)
			h.over()
			return
		}
	}
}

// await is how Poll waits for the turn of a host whose program is no coroutine. The world
// runs on the goroutine of that Poll meanwhile.
func (w *World) await(h *Host) {
	w.rooted = true
	defer func() { w.rooted = false }()
	for w.err == nil {
		switch g := w.next(); g {
		case h:
			return
		case nil:
		default:
			g.resume()
			w.settle()
			w.verify()
		}
	}
	w.rethrow()
}

// next runs the world until it is some host's turn, or returns nil when the world has
// ended. Only the root calls it.
func (w *World) next() *Host {
	if h := w.chosen; h != nil {
		w.chosen = nil
		return h
	}
	for w.err == nil && !w.done() {
		if h := w.advance(true); h != nil {
			return h
		}
		if w.done() {
			return nil
		}
		if w.err == nil && w.atRest() && !w.linger() {
			w.stuck(ErrDeadlock)
		}
	}
	return nil
}

// advance lets events happen until it is some host's turn, and returns that host. On a
// coroutine it stops before an event that only the root may run.
func (w *World) advance(root bool) *Host {
	q := &w.queue
	for w.err == nil {
		if w.inbox.full.Load() {
			w.receive()
		}
		if w.atRest() || !root && q.peek().ofRoot() || !w.step(q.first()) {
			return nil
		}
		_, e := q.pop()
		switch e.kind {
		case evTurn, evDeadline, evBegin:
			if h := e.who.(*Host); h.due(e.kind, e.arg) {
				return h
			}
		case evHalt, evPowerOff, evCall: // code of programs and tests
			e.who.happen(e.kind, e.arg)
			w.settle()
			w.verify()
			if w.done() {
				return nil
			}
		case evAct:
			w.still--
			e.who.happen(e.kind, e.arg)
			w.settle()
			w.verify()
			if w.done() {
				return nil
			}
		case evHeal:
			w.still--
			fallthrough
		default:
			e.who.happen(e.kind, e.arg)
		}
	}
	return nil
}

// done reports whether Run has nothing more to wait for: what it waited for last was killed.
func (w *World) done() bool { return w.awaits && w.running == 0 }

// step moves the clock and keeps the bounds.
func (w *World) step(at poller.Time) bool {
	w.now = max(w.now, at)
	w.steps++
	if w.now > w.limit || w.steps > w.cfg.Steps {
		w.stuck(ErrLimit)
		return false
	}
	return true
}

// receive takes what is in the inbox.
func (w *World) receive() {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full.Store(false)
	for _, h := range b.wake {
		h.rouse()
	}
	for _, j := range b.jobs {
		j.h.work(j)
	}
	clear(b.wake)
	clear(b.jobs)
	b.wake, b.jobs = b.wake[:0], b.jobs[:0]
}

// put has f add to the inbox.
func (b *inbox) put(f func(b *inbox)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
	b.full.Store(true)
}
