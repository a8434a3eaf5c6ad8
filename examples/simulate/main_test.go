package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"example.com/pike/examples/internal/program"
	"example.com/pike/poller/sim"
)

// worldsMost is within how many worlds each bug must be found.
const worldsMost = 2000

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

// TestPlants holds that each bug is found, and that it is the bug: the seed that finds it is sound without.
func TestPlants(t *testing.T) {
	cfg, sound := heavy(t)
	for _, bug := range plants {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(worldsMost) {
				_, err := sim.Once(seed, cfg, func(w *sim.World) error { return play(w, bug, new(tally)) })
				if err == nil {
					continue
				}
				t.Logf("seed %d: %v", seed, err)
				if strings.HasPrefix(err.Error(), "panic") {
					t.Error("it was not found but fell over")
				}
				if _, err := sim.Once(seed, cfg, sound); err != nil {
					t.Errorf("without the bug: %v", err)
				}
				return
			}
			t.Errorf("not found in %d worlds", worldsMost)
		})
	}
}

// runs runs the built program and returns its status and what it wrote.
func runs(t *testing.T, path string, args ...string) (int, string) {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	code := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return code, string(out)
}

func TestCommand(t *testing.T) {
	path := program.Build(t)
	wants := func(code int, pattern string, args ...string) string {
		t.Helper()
		got, out := runs(t, path, args...)
		if got != code || !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("%q: status %d, want %d; it wrote\n%s", args, got, code, out)
		}
		return out
	}
	first := wants(0, `^seed 7 trace [0-9a-f]{16} ok\n$`, "-seed", "7")
	if again := wants(0, `ok`, "-seed", "7"); again != first {
		t.Errorf("%q and then %q", first, again)
	}
	story := wants(0, `(?s)srv: listens on .*srv: accepted .*`, "-seed", "7", "-trace")
	if !strings.HasSuffix(story, first) {
		t.Error("with its story the world ends differently")
	}
	wants(0, `(?s)^20 worlds of 5 clients in .* worlds a second, .* of virtual time, .*\n.* connections, .*\nfaults: short-send \d+`,
		"-seed", "3", "-worlds", "20", "-clients", "5", "-duration", "2s")
	wants(0, `faults: none\n$`, "-worlds", "2", "-faults", "none")
	wants(2, `simulate: .*"fire"`, "-faults", "fire")
	wants(2, `simulate: .*"fire"`, "-plant", "fire")
	wants(2, `simulate: .*"fire"`, "-without", "drop,fire")
	wants(2, `flag provided but not defined`, "-fire")
	wants(2, `at least`, "-clients", "0")

	names := strings.Fields(wants(0, `^([a-z-]+\n){6,}$`, "-plants"))
	for _, name := range names {
		if plantNamed(name) == nil {
			t.Errorf("-plants lists %q", name)
		}
	}
}

// TestReplay runs what a failing search says to run: that fails too, in the same way every time.
func TestReplay(t *testing.T) {
	path := program.Build(t)
	code, out := runs(t, path, "-worlds", "2000", "-plant", "lost-write")
	replays := regexp.MustCompile(`(?m)^replay: go run \./examples/simulate (.*)$`).FindAllStringSubmatch(out, -1)
	failed := regexp.MustCompile(`(?m)^seed \d+ trace [0-9a-f]{16} FAILED: .*$`).FindString(out)
	if code != 1 || len(replays) == 0 || failed == "" {
		t.Fatalf("status %d; it wrote\n%s", code, out)
	}
	for i, r := range replays {
		code, out := runs(t, path, strings.Fields(r[1])...)
		if code != 1 || i == 0 && !strings.Contains(out, failed) {
			t.Errorf("%s: status %d, want 1 and %s", r[1], code, failed)
		}
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
