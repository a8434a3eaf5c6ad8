package loop

import (
	"context"
	"net"
	"runtime/debug"
	"time"
)

// Run runs the group until nothing is left on any loop that could call back, until Shutdown has ended everything, or
// until ctx ends, which closes everything at once. Then it closes all loops, and the group with them: it runs once.
//
// First it calls setup, if that is not nil, for each loop in turn, before any of them runs: here, that is on
// the goroutine that has called Run, to which all loops belong until setup has been called for the last. Then
// it runs loop 0 on that goroutine and each other one on a goroutine of its own.
//
// The group also ends when one of its loops does: when setup returns an error, when a callback panics (unless
// Options.OnPanic takes that), when the poller fails, or when the loop was stopped or shut down alone. The
// others are shut down then, with GroupOptions.Grace. Run returns when all have ended, and all that they had
// open is closed. Its error is a *GroupError, which errors.As finds, with the number of the loop that has
// failed first; else the cause of ctx, if that has ended; or nil. It is ErrRunning while the group runs,
// net.ErrClosed after that, and os.ErrInvalid for a nil ctx.
func (g *Group) Run(ctx context.Context, setup func(i int, lp *Loop) error) error {
	if ctx == nil {
		return invalid("loop: run group")
	}
	if err := g.begin("loop: run group"); err != nil {
		return err
	}
	defer g.over()
	g.setUp(setup)
	g.serve(ctx, g.err == nil)
	switch {
	case g.err != nil:
		return g.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// setUp calls setup for each loop.
func (g *Group) setUp(setup func(i int, lp *Loop) error) {
	if setup == nil {
		return
	}
	during := func(on bool) {
		g.mu.Lock()
		g.settingUp = on
		g.mu.Unlock()
	}
	during(true)
	defer during(false)
	for _, m := range g.members {
		if err := m.setUp(setup); err != nil {
			g.fail(m.i, err)
			return
		}
	}
}

// setUp calls setup, whose panic is an error of the loop, too.
func (m *member) setUp(setup func(i int, lp *Loop) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return setup(m.i, m.lp)
}

// Close closes the loops of a group that is not run. It is ErrRunning while it runs, and net.ErrClosed after that.
func (g *Group) Close() error {
	if err := g.begin("loop: close group"); err != nil {
		return err
	}
	defer g.over()
	g.serve(context.Background(), false)
	return nil
}

// begin has the group run, or close, once.
func (g *Group) begin(op string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.state {
	case groupRuns:
		return ErrRunning
	case groupClosed:
		return &misuse{op, net.ErrClosed}
	}
	g.state = groupRuns
	return nil
}

// serve has each loop run, if it is to, and close, on its goroutine, and waits for all. If loop 0 ends by
// runtime.Goexit it waits as well.
func (g *Group) serve(ctx context.Context, run bool) {
	if len(g.members) == 0 { // NewGroup has failed
		return
	}
	var waits []func()
	defer func() {
		for _, wait := range waits {
			wait()
		}
		for _, m := range g.members {
			m.end() // of a process that was killed before they began
		}
	}()
	for _, m := range g.members[1:] {
		waits = append(waits, g.spawn(m, func() { m.serve(ctx, run) }))
	}
	g.members[0].serve(ctx, run)
}

// spawn begins the goroutine of a loop.
func (g *Group) spawn(m *member, run func()) (wait func()) {
	if g.spawner != nil {
		return g.spawner.Spawn(m.lp.poller, run)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		run()
	}()
	return func() { <-over }
}

// serve is the life of a loop on its goroutine.
func (m *member) serve(ctx context.Context, run bool) {
	returned := false
	defer m.end()
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil { // outside of what OnPanic is told of
			m.g.fail(m.i, &PanicError{v, debug.Stack()})
		} else {
			m.g.fail(m.i, errExited)
		}
	}()
	if run {
		m.serving = true
		if err := m.lp.RunContext(ctx); err != nil && ctx.Err() == nil {
			m.g.fail(m.i, err)
		}
		m.g.end(false)
	}
	returned = true
}

// end closes the loop.
func (m *member) end() {
	if m.over {
		return
	}
	m.over = true
	if err := m.lp.Close(); err != nil {
		m.g.fail(m.i, err)
	}
}

// fail is the end of the group by a loop that has failed. The first tells why.
func (g *Group) fail(i int, err error) {
	g.mu.Lock()
	if g.err == nil {
		g.err = &GroupError{i, err}
	}
	g.mu.Unlock()
	if p, ok := err.(*PanicError); ok {
		g.members[i].lp.log.Error("a callback has panicked, and its group ends", "loop", i, "value", p.Value, "stack", string(p.Stack))
	}
	g.end(false)
}

// end tells all loops to end, once: at once if nothing is left on any of them.
func (g *Group) end(idle bool) {
	g.mu.Lock()
	if g.ended {
		g.mu.Unlock()
		return
	}
	g.ended = true
	g.mu.Unlock()
	for _, m := range g.members {
		if idle {
			m.lp.Stop()
		} else {
			m.lp.Post(func() { m.shutDown(context.Background(), g.grace) })
		}
	}
}

// shutDown is Loop.Shutdown, on the loop.
func (m *member) shutDown(ctx context.Context, grace time.Duration) {
	m.lp.Shutdown(ctx, grace, func(r ShutdownReport) { m.report, m.reported = r, true })
}

// Flush is when the loop is about to wait: it counts whether the loop has anything on it, in the place of what
// has counted up to now. When nothing counts any more the group ends.
func (m *member) Flush() {
	delta := -m.taken
	m.taken = 0
	if needed := m.lp.needed(); needed != m.counted {
		if m.counted = needed; needed {
			delta++
		} else {
			delta--
		}
	}
	if delta != 0 && m.g.busy.Add(delta) == 0 {
		m.g.end(true)
	}
}
