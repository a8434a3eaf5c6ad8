package sim_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// A fakeT records what Test and Explore say of a test.
type fakeT struct {
	logs, failure string
}

func (f *fakeT) Helper()                         {}
func (f *fakeT) Name() string                    { return "TestX/sub" }
func (f *fakeT) Logf(format string, args ...any) { f.logs += fmt.Sprintf(format, args...) }
func (f *fakeT) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	panic(f)
}

// catch runs f, which may call Fatalf.
func (f *fakeT) catch(run func()) {
	defer func() {
		if v := recover(); v != nil && v != any(f) {
			panic(v)
		}
	}()
	run()
}

// lossy sends as many datagrams as there are clients, and fails if the seed is
// one of the unlucky and any is lost.
func lossy(w *sim.World) error {
	a, b := w.Host("a"), w.Host("b")
	got := 0
	w.Daemon(a, func(h *sim.Host) error {
		d := &box{on: func(poller.Message) { got++ }}
		var err error
		if d.s, err = h.Bind(at("0.0.0.0", port), nil, d); err != nil {
			return err
		}
		d.s.Start()
		return idle(h)
	})
	k := w.Param("clients")
	w.Go(b, func(h *sim.Host) error {
		h.Poll(h.Now().Add(time.Millisecond))
		for range k {
			d := new(box)
			s, err := h.Bind(at("0.0.0.0", 0), nil, d)
			if err != nil {
				return err
			}
			s.Send([]poller.Message{message("10.0.0.1:7000", 10)})
		}
		return h.Poll(h.Now().Add(100 * time.Millisecond))
	})
	if err := w.Run(); err != nil {
		return err
	}
	if got < k && w.Seed() >= 50 {
		return fmt.Errorf("%d of %d arrived", got, k)
	}
	return nil
}

func lossyConfig() sim.Config {
	f := sim.Light()
	f[sim.Drop], f[sim.SplitRead], f[sim.LateSent], f[sim.Duplicate] = 200_000, 500_000, 0, 0
	return sim.Config{
		Faults: f,
		Rules:  []sim.Rule{{Fault: sim.Stall, Nth: 1}, {Fault: sim.Reorder}},
		Params: []sim.Param{{Name: "clients", Value: 20, Min: 1}},
	}
}

// TestExplore finds the first seed that fails, makes the world small, and prints
// a command that fails, too.
func TestExplore(t *testing.T) {
	t.Setenv(sim.EnvSeeds, "")
	f := new(fakeT)
	f.catch(func() { sim.Explore(f, 200, lossyConfig(), lossy) })
	for _, text := range []string{
		"seed 50 fails: ", "the trace ends with\n", "a: begins\n", "! drop ",
		" go test -count=1 -run '^TestX$/^sub$' example.com/pike/poller/sim",
	} {
		if !strings.Contains(f.failure, text) {
			t.Errorf("the failure does not say %q:\n%s", text, f.failure)
		}
	}
	_, command, _ := strings.Cut(f.failure, "replay: PIKE_SEED='")
	replay, _, _ := strings.Cut(command, "'")
	for _, word := range []string{"50 ", "-rule:0", "-rule:1", "-split-read", "-stall", "clients="} {
		if !strings.Contains(replay, word) || strings.Contains(replay, "-drop") {
			t.Errorf("the replay is %q; %q was to go", replay, word)
		}
	}
	t.Log(replay)

	t.Setenv(sim.EnvSeed, replay)
	trace := filepath.Join(t.TempDir(), "trace")
	t.Setenv(sim.EnvTrace, trace)
	again := new(fakeT)
	again.catch(func() { sim.Explore(again, 200, lossyConfig(), lossy) })
	_, why, _ := strings.Cut(f.failure, "fails: ")
	why, _, _ = strings.Cut(why, "\n")
	if !strings.Contains(again.failure, why) {
		t.Errorf("%q, and replayed:\n%s", why, again.failure)
	}
	if story, err := os.ReadFile(trace); err != nil || !strings.Contains(string(story), "! drop") {
		t.Errorf("the trace: %v\n%s", err, story)
	}
	for _, bad := range []string{"x", "1 -nothing", "1 size=3", "1 clients=x", "1 -rule:7"} {
		t.Setenv(sim.EnvSeed, bad)
		f := new(fakeT)
		f.catch(func() { sim.Test(f, lossyConfig(), lossy) })
		if !strings.Contains(f.failure, sim.EnvSeed) {
			t.Errorf("PIKE_SEED=%q: %q", bad, f.failure)
		}
	}
}

func TestExploreThatPasses(t *testing.T) {
	t.Setenv(sim.EnvSeeds, "")
	f := new(fakeT)
	var worlds atomic.Int64
	f.catch(func() {
		sim.Explore(f, 300, sim.Config{}, func(w *sim.World) error { worlds.Add(1); return nil })
	})
	if f.failure != "" || !strings.HasPrefix(f.logs, "sim: 300 worlds") || worlds.Load() != 303 { // three twice
		t.Errorf("%d worlds; %s%s", worlds.Load(), f.failure, f.logs)
	}
	for _, c := range []struct {
		env  string
		want string
	}{
		{"7", "sim: 7 worlds"}, {"5000:9", "sim: 9 worlds"}, {"5000:", "sim: 300 worlds"},
		{" 7", "PIKE_SEEDS"}, {"x", "PIKE_SEEDS"}, {"x:1", "PIKE_SEEDS"}, {"1:-1", "PIKE_SEEDS"}, {":5", "PIKE_SEEDS"},
		{"0", "PIKE_SEEDS"}, {"9:0", "PIKE_SEEDS"}, {"18446744073709551615:3", "sim: 3 worlds"},
	} {
		t.Setenv(sim.EnvSeeds, c.env)
		f := new(fakeT)
		f.catch(func() { sim.Explore(f, 300, sim.Config{}, func(w *sim.World) error { return nil }) })
		if !strings.Contains(f.logs+f.failure, c.want) {
			t.Errorf("PIKE_SEEDS=%s: %s%s", c.env, f.logs, f.failure)
		}
	}
}

// TestExploreOfNoWorlds must not pass.
func TestExploreOfNoWorlds(t *testing.T) {
	t.Setenv(sim.EnvSeeds, "")
	for _, n := range []int{0, -1} {
		f := new(fakeT)
		f.catch(func() { sim.Explore(f, n, sim.Config{}, func(w *sim.World) error { return nil }) })
		if f.failure == "" {
			t.Errorf("Explore of %d worlds passes", n)
		}
	}
}

// TestFewWorldsAreChecked runs fewer worlds than every hundredth of, of a program that
// rolls dice of its own.
func TestFewWorldsAreChecked(t *testing.T) {
	for _, c := range []struct {
		worlds int
		seeds  string
	}{{1, ""}, {50, ""}, {99, ""}, {1000, "101:99"}, {1000, "7"}, {50, "12345:"}, {1000, "3:1"}} {
		t.Setenv(sim.EnvSeed, "")
		t.Setenv(sim.EnvSeeds, c.seeds)
		f := new(fakeT)
		f.catch(func() {
			sim.Explore(f, c.worlds, sim.Config{}, func(w *sim.World) error {
				w.Go(w.Host("h"), func(h *sim.Host) error { return h.Poll(poller.Time(rand.Int64N(1e9))) })
				return w.Run()
			})
		})
		if !strings.Contains(f.failure, "is not the same twice") {
			t.Errorf("%d worlds, PIKE_SEEDS=%q: %q", c.worlds, c.seeds, f.failure)
		}
	}
}

// TestReplayIsCheckedTwice has the command fail that Explore prints for a program that rolls dice of its own.
func TestReplayIsCheckedTwice(t *testing.T) {
	own := func(w *sim.World) error {
		w.Go(w.Host("h"), func(h *sim.Host) error { return h.Poll(poller.Time(rand.Int64N(1e9))) })
		return w.Run()
	}
	t.Setenv(sim.EnvSeeds, "")
	t.Setenv(sim.EnvSeed, "7")
	f := new(fakeT)
	f.catch(func() { sim.Explore(f, 50, sim.Config{}, own) })
	if !strings.Contains(f.failure, "is not the same twice") {
		t.Errorf("replayed: %q", f.failure)
	}
	if err := sim.Twice(7, sim.Config{}, own); err == nil || !strings.Contains(err.Error(), "is not the same twice") {
		t.Errorf("Twice: %v", err)
	}
	if err := sim.Twice(7, sim.Config{Faults: sim.Heavy()}, chatter); err != nil {
		t.Errorf("Twice: %v", err)
	}
	broken := errors.New("broken")
	if err := sim.Twice(7, sim.Config{}, func(w *sim.World) error { return broken }); err != broken {
		t.Errorf("Twice of a world that fails: %v", err)
	}
	t.Setenv(sim.EnvSeed, "")
	for _, f := range []struct {
		what string
		run  func(w *sim.World) error
	}{
		{"another error", func(w *sim.World) error { return fmt.Errorf("%c is wrong", 'a'+rand.IntN(26)) }},
		{"another hash", func(w *sim.World) error { own(w); return errors.New("wrong") }},
	} {
		said := false
		for range 20 { // the report might meet the same number once
			report := new(fakeT)
			report.catch(func() { sim.Test(report, sim.Config{}, f.run) })
			said = said || strings.Contains(report.failure, "something decides that is not the seed")
		}
		if !said {
			t.Errorf("%s: the report does not say that it is another", f.what)
		}
	}
}

// TestShrinkKeepsTheFailure has smaller worlds fail, too, but otherwise.
func TestShrinkKeepsTheFailure(t *testing.T) {
	broken := errors.New("broken")
	type fails func(n int) error
	for what, c := range map[string]struct {
		fail  fails
		value int // that is left of 40
	}{
		"another text": {func(n int) error { return pick(n >= 5, "lost write %d", "too few operations to judge: %d", n) }, 5},
		"other numbers": {func(n int) error {
			return fmt.Errorf("at %v: lost write %d of 10.0.0.%d:%d", time.Duration(n)*time.Second, n, n, n)
		}, 1},
		"other quotes":    {func(n int) error { return fmt.Errorf("the echo is %q", strings.Repeat("x", n)) }, 1},
		"other panic":     {func(n int) error { panic(pick(n >= 9, "lost %d", "found %d", n)) }, 9},
		"no panic":        {func(n int) error { return orPanic(n < 7, errors.New("lost")) }, 7},
		"the same error":  {func(n int) error { return fmt.Errorf("after %s%w", strings.Repeat("again ", n), broken) }, 40},
		"a sentinel":      {func(n int) error { return wrapped(n < 20, broken) }, 1},
		"a longer text":   {func(n int) error { return pick(n >= 5, "lost", "lost, but", n) }, 5},
		"a longer number": {func(n int) error { return fmt.Errorf("state %x", int64(1)<<48+int64(n)<<20) }, 1},
	} {
		f := func(w *sim.World) error { return c.fail(w.Param("n")) }
		cfg := sim.Config{Params: []sim.Param{{Name: "n", Value: 40, Min: 1}}}
		r := sim.Search(1, 1, cfg, f)
		small := r.Failure.Shrink(f)
		if got := small.Config.Params[0].Value; got != c.value {
			t.Errorf("%s: the smallest world has n=%d, want %d: %v", what, got, c.value, small.Err)
		}
		t.Setenv(sim.EnvSeeds, "")
		report := new(fakeT)
		report.catch(func() { sim.Explore(report, 1, cfg, f) })
		if c.value < 40 && !(strings.Contains(report.failure, "PIKE_SEED='1' ") && strings.Contains(report.failure, "PIKE_SEED='1 n=")) {
			t.Errorf("%s: the report does not have the world as it was found:\n%s", what, report.failure)
		}
	}
}

// pick is one of two errors.
func pick(first bool, one, other string, n int) error {
	if !first {
		one = other
	}
	if strings.Contains(one, "%") {
		return fmt.Errorf(one, n)
	}
	return errors.New(one)
}

func orPanic(panics bool, err error) error {
	if panics {
		panic(err)
	}
	return err
}

func wrapped(is bool, err error) error {
	if is {
		return fmt.Errorf("in a small world: %w", err)
	}
	return err
}

// fallOver is a program whose name is to be seen when it panics.
func fallOver(*sim.Host) error { panic("in a program") }

// TestSearchFailures has worlds fail in every way there is.
func TestSearchFailures(t *testing.T) {
	counter := 0
	for what, run := range map[string]func(w *sim.World) error{
		"the program says so": func(w *sim.World) error { return errors.New("the program says so") },
		"said in a callback":  func(w *sim.World) error { w.Errorf("\n\tsaid in a %s\n", "callback"); return nil },
		"Run was not called":  func(w *sim.World) error { w.Go(w.Host("a"), idle); return nil },
		"panic: lost":         func(w *sim.World) error { panic("lost") },
		"panic: a: in a program\ngoroutine": func(w *sim.World) error {
			w.Go(w.Host("a"), func(h *sim.Host) error { panic("in a program") })
			return w.Run()
		},
		"sim_test.fallOver": func(w *sim.World) error {
			w.Go(w.Host("a"), fallOver)
			return w.Run()
		},
		"ended its goroutine": func(w *sim.World) error {
			runtime.Goexit()
			return nil
		},
		"deadlock at": func(w *sim.World) error { w.Go(w.Host("a"), idle); return w.Run() },
		"not the same twice": func(w *sim.World) error {
			counter++
			w.Go(w.Host("a"), func(h *sim.Host) error { return h.Poll(poller.Time(counter)) })
			return w.Run()
		},
	} {
		r := sim.Search(100, 1, sim.Config{}, run)
		if r.Failure == nil || r.Failure.Seed != 100 || !strings.Contains(r.Failure.Err.Error(), what) {
			t.Errorf("%s: %+v", what, r.Failure)
			continue
		}
		if small := r.Failure.Shrink(run); !strings.HasPrefix(small.Replay(), "100") {
			t.Errorf("%s: replayed by %q", what, small.Replay())
		}
	}
}

// TestSearchFindsTheLowest fails in many worlds, later ones sooner.
func TestSearchFindsTheLowest(t *testing.T) {
	for range 20 {
		r := sim.Search(1, 1000, sim.Config{}, func(w *sim.World) error {
			if w.Seed()%10 != 3 {
				return nil
			}
			if w.Seed() == 13 {
				time.Sleep(time.Millisecond)
			}
			if w.Seed() > 10 {
				return errors.New("unlucky")
			}
			return nil
		})
		if r.Failure == nil || r.Failure.Seed != 13 {
			t.Fatalf("found %+v", r.Failure)
		}
	}
}
