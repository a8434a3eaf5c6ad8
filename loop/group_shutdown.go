package loop

import (
	"context"
	"net"
	"time"
)

// A GroupReport says how the Shutdown of a Group went.
type GroupReport struct {
	// ShutdownReport is all loops together: its counts are sums, Took is the longest, and Err the first that is
	// not nil.
	ShutdownReport

	// Loops are the reports of the loops, by their numbers. The Err of a loop that ended without an order,
	// because its poller has failed or ctx has ended, is why the group has ended, or else net.ErrClosed.
	Loops []ShutdownReport
}

// Shutdown shuts down all loops, as Loop.Shutdown does: each closes its listeners, its connections may finish
// within grace, or until ctx ends, and what is left is closed then. Run returns when the last loop has ended,
// and calls done before that, as the last thing it does, on its own goroutine, if done is not nil. Any
// goroutine may call Shutdown, and so may callbacks and signal handlers; before Run it begins with Run. Another
// call adds a bound and another done. The error is os.ErrInvalid for a nil ctx, and net.ErrClosed when the
// group has ended.
func (g *Group) Shutdown(ctx context.Context, grace time.Duration, done func(GroupReport)) error {
	if ctx == nil {
		return invalid("loop: shutdown group")
	}
	g.mu.Lock()
	if g.state == groupClosed {
		g.mu.Unlock()
		return &misuse{"loop: shutdown group", net.ErrClosed}
	}
	if done != nil {
		g.dones = append(g.dones, done)
	}
	g.ended = true // a loop that has ended shuts down nobody
	g.mu.Unlock()
	for _, m := range g.members {
		m.lp.Post(func() { m.shutDown(ctx, grace) })
	}
	return nil
}

// over is the end of Run.
func (g *Group) over() {
	g.mu.Lock()
	g.state = groupClosed
	dones := g.dones
	g.dones = nil
	g.mu.Unlock()
	if len(dones) == 0 {
		return
	}
	r := g.reported()
	for _, done := range dones {
		done(r)
	}
}

func (g *Group) reported() (sum GroupReport) {
	for _, m := range g.members {
		r := m.report
		if !m.reported {
			r.Err = net.ErrClosed
			if g.err != nil {
				r.Err = g.err
			}
		}
		sum.Loops = append(sum.Loops, r)
		sum.Finished += r.Finished
		sum.Cut += r.Cut
		sum.Closed += r.Closed
		sum.Jobs += r.Jobs
		sum.Took = max(sum.Took, r.Took)
		if sum.Err == nil {
			sum.Err = r.Err
		}
	}
	return sum
}
