package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Bench is how everything is measured in one run.
type Bench struct {
	out    string // folder of what is built
	cores  Cores
	quick  bool
	rounds int
	warm   time.Duration
	window time.Duration
}

const (
	// A sample is taken again if others took at least disturbedLimit percent of the time, as long as retries are
	// left. A workload has only some, so that a busy machine gives figures at all. Bad ones are marked.
	disturbedLimit = 8
	retriesMax     = 10
	steadyRounds   = 3
)

// run takes one short sample of each peer in every round, and many rounds. A machine's speed drifts by tens of percent
// within seconds, and so all peers of a round lose alike.
func (b *Bench) run(ctx context.Context, w Workload) (Outcome, error) {
	o := Outcome{Name: w.Name, About: w.About, Metrics: w.Metrics, doubt: w.Doubt, goals: w.Goals}
	for _, p := range w.Peers {
		r := Result{Peer: p.Name}
		if _, err := p.Program.build(ctx, b.out); err != nil {
			r.LeftOut = err.Error()
		}
		o.Results = append(o.Results, r)
	}
	rounds, retries := b.rounds, retriesMax
	if w.Steady {
		rounds = min(rounds, steadyRounds)
	}
	if w.Steady && b.quick {
		rounds = 1
	}
	for round := range rounds {
		for k := range w.Peers {
			i := (round + k) % len(w.Peers) // no peer is always the first
			if o.Results[i].LeftOut != "" {
				continue
			}
			progress(os.Stderr, "%s: round %d of %d: %s", w.Name, round+1, rounds, w.Peers[i].Name)
			s, err := b.sample(ctx, w, w.Peers[i], &retries)
			if ctx.Err() != nil {
				return o, ctx.Err()
			}
			if err != nil {
				o.Results[i].Failures = append(o.Results[i].Failures, err.Error())
			}
			o.Results[i].Samples = append(o.Results[i].Samples, s)
		}
	}
	progress(os.Stderr, "")
	o.summarize()
	return o, nil
}

// sample measures again what others disturbed, and keeps the sample that was disturbed least. It does not choose by the
// figures that are judged.
func (b *Bench) sample(ctx context.Context, w Workload, p Peer, retries *int) (best Sample, err error) {
	best, err = w.Measure(ctx, b, p)
	for err == nil && best[disturbed] >= disturbedLimit && *retries > 0 {
		*retries--
		var again Sample
		if again, err = w.Measure(ctx, b, p); err == nil && again[disturbed] < best[disturbed] {
			best = again
		}
	}
	if err != nil {
		return nil, err
	}
	return best, nil
}

// progress keeps one line up to date on a terminal, and says nothing elsewhere.
func progress(w *os.File, format string, args ...any) {
	if info, err := w.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	io.WriteString(w, "\r\x1b[K"+fmt.Sprintf(format, args...))
}
