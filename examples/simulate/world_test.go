package main

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"example.com/pike/poller/sim"
)

// heavy is what the command line stands for if it says nothing else.
func heavy(t *testing.T) (sim.Config, func(*sim.World) error) {
	t.Helper()
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, bug, err := o.config()
	if err != nil {
		t.Fatal(err)
	}
	return cfg, func(w *sim.World) error { return play(w, bug, new(tally)) }
}

func TestSameSeedSameHash(t *testing.T) {
	cfg, run := heavy(t)
	seen := map[uint64]uint64{}
	for seed := range uint64(5) {
		var story bytes.Buffer
		traced := cfg
		traced.Trace = &story // telling the story must not change it
		a, err := sim.Once(seed, cfg, run)
		b, err2 := sim.Once(seed, traced, run)
		if err != nil || err2 != nil {
			t.Fatalf("seed %d: %v, %v", seed, err, err2)
		}
		if a.Hash() != b.Hash() || a.Steps() != b.Steps() || a.Now() != b.Now() {
			t.Errorf("seed %d is not the same twice: %x and %x", seed, a.Hash(), b.Hash())
		}
		if other, ok := seen[a.Hash()]; ok {
			t.Errorf("seeds %d and %d are the same world", seed, other)
		}
		seen[a.Hash()] = seed
		if n := strings.Count(story.String(), "accepted"); n < 20 {
			t.Errorf("seed %d tells of %d connections", seed, n)
		}
	}
}

func TestHeavyWorlds(t *testing.T) {
	cfg, _ := heavy(t)
	seen := new(tally)
	r := sim.Search(1, heavyWorlds, cfg, func(w *sim.World) error { return play(w, nil, seen) })
	if r.Failure != nil {
		t.Fatalf("seed %d: %v", r.Failure.Seed, r.Failure.Err)
	}
	t.Log(seen, "; faults:", r.Hits)
	if seen.owed.Load() < 200*heavyWorlds || r.Hits[sim.Reset] == 0 || r.Hits[sim.Partition] == 0 {
		t.Errorf("that shows little: %v; faults: %v", seen, r.Hits)
	}
}

// BenchmarkWorld is what the command line runs: a world of 20 clients under heavy faults, one after the other on one core.
func BenchmarkWorld(b *testing.B) {
	o, err := parse(nil)
	if err != nil {
		b.Fatal(err)
	}
	cfg, _, err := o.config()
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	b.ReportAllocs()
	var steps uint64
	for seed := uint64(1); b.Loop(); seed++ {
		w, err := sim.Once(seed, cfg, func(w *sim.World) error { return play(w, nil, new(tally)) })
		if err != nil {
			b.Fatal(err)
		}
		steps += w.Steps()
	}
	b.ReportMetric(float64(steps)/float64(b.N), "events/op")
}
