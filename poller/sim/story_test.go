package sim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// TestStory has a trace with notes and with what messages mean.
func TestStory(t *testing.T) {
	var text strings.Builder
	decode := func(p uint16, b []byte) string {
		if p != port {
			return "" // the answers
		}
		return fmt.Sprintf("%d bytes that begin with %q", len(b), b[:1])
	}
	run := func(cfg sim.Config) uint64 {
		w, err := sim.Once(1, cfg, func(w *sim.World) error {
			w.At(time.Millisecond, func() { w.Host("cli").Notef("asks for the %dth time", 7) })
			return chatter(w)
		})
		if err != nil {
			t.Fatal(err)
		}
		return w.Hash()
	}
	a, b := run(sim.Config{Trace: &text, Decode: decode}), run(sim.Config{})
	if a != b {
		t.Error("telling changes what happens")
	}
	for _, want := range []string{
		"1.000ms cli: - asks for the 7th time\n", "cli: says to 10.0.0.1:7000: 3000 bytes that begin with \"\\x00\"\n",
		"srv: hears from 10.0.0.2:", "cli: says to 10.0.0.1:7000: 100 bytes that begin with \"\\x00\"\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the trace does not say %q:\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "pong") {
		t.Error("a text that is empty is told")
	}
}

// counting is a world with a program that counts to 100, in a second each, and one at whose end the world is.
func counting(w *sim.World, count *int) error {
	w.Daemon(w.Host("a"), func(h *sim.Host) error {
		for {
			if err := h.Poll(h.Now().Add(time.Second)); err != nil {
				return err
			}
			*count++
		}
	})
	w.Go(w.Host("b"), func(h *sim.Host) error { return h.Poll(h.Now().Add(100*time.Second + 1)) })
	return w.Run()
}

// TestAlways ends a world where something that is always so is not, in a program and in what At runs.
func TestAlways(t *testing.T) {
	wrong := errors.New("too many")
	for what, c := range map[string]struct {
		at   time.Duration
		jump time.Duration
	}{"in a program": {20 * time.Second, 0}, "in At": {5500 * time.Millisecond, 5500 * time.Millisecond}} {
		var text strings.Builder
		var v *sim.Violation
		w, err := sim.Once(1, sim.Config{Trace: &text}, func(w *sim.World) error {
			count := 0
			w.Always("few", func() error {
				if count >= 20 {
					return wrong
				}
				return nil
			})
			w.Always("any", func() error { return nil })
			if c.jump > 0 {
				w.At(c.jump, func() { count += 50 })
			}
			return counting(w, &count)
		})
		if !errors.As(err, &v) || v.Name != "few" || !errors.Is(err, wrong) || w.Err() != err || v.At != poller.Time(c.at) {
			t.Errorf("%s: %v", what, err)
		}
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, "world: ! fails: sim: always few: too many") {
			t.Errorf("%s: the trace ends with %q", what, last)
		}
	}
}

// TestShrinkKeepsTheViolation has a smaller world violate something else.
func TestShrinkKeepsTheViolation(t *testing.T) {
	f := func(w *sim.World) error {
		count, n := 0, w.Param("n")
		for _, name := range []string{"few", "less"} {
			w.Always(name, func() error {
				if count > 3 && (name == "few") == (n >= 7) {
					return errors.New("too many")
				}
				return nil
			})
		}
		return counting(w, &count)
	}
	r := sim.Search(1, 1, sim.Config{Params: []sim.Param{{Name: "n", Value: 40, Min: 1}}}, f)
	small := r.Failure.Shrink(f)
	if got := small.Config.Params[0].Value; got != 7 {
		t.Errorf("found %v, and made smaller, with n=%d: %v", r.Failure.Err, got, small.Err)
	}
}

// TestSometimes fails a search that never gets where it was to look.
func TestSometimes(t *testing.T) {
	for _, c := range []struct {
		seeds string
		rare  uint64 // the seed of which it is so
		fails bool
	}{{"", 17, false}, {"", 1000, true}, {"1:5", 1000, false}, {"101:50", 120, false}, {"101:50", 20, true}} {
		t.Setenv(sim.EnvSeed, "")
		t.Setenv(sim.EnvSeeds, c.seeds)
		f := new(fakeT)
		f.catch(func() {
			sim.Explore(f, 50, sim.Config{}, func(w *sim.World) error {
				w.Sometimes("always so", true)
				w.Sometimes("rare", w.Seed() == c.rare)
				w.Sometimes("rare", false)
				return nil
			})
		})
		if (f.failure != "") != c.fails || c.fails && (!strings.Contains(f.failure, "rare") || strings.Contains(f.failure, "always so")) {
			t.Errorf("%+v: %q", c, f.failure)
		}
	}
	r := sim.Search(1, 50, sim.Config{}, func(w *sim.World) error { w.Sometimes("even", w.Seed()%2 == 0); return nil })
	if r.Sometimes["even"] != 25 {
		t.Errorf("seen %v", r.Sometimes)
	}
}
