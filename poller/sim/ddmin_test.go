package sim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// twoLost sends 200 datagrams, one each millisecond, and fails if both of two were lost, each of them twice.
func twoLost(w *sim.World) error {
	a, b := w.Host("a"), w.Host("b")
	got := map[byte]bool{}
	w.Daemon(a, func(h *sim.Host) error {
		d := &box{on: func(m poller.Message) { got[m.Data[0]] = true }}
		var err error
		if d.s, err = h.Bind(at("0.0.0.0", port), nil, d); err != nil {
			return err
		}
		d.s.Start()
		return idle(h)
	})
	w.Go(b, func(h *sim.Host) error {
		d := new(box)
		var err error
		if d.s, err = h.Bind(at("0.0.0.0", 0), nil, d); err != nil {
			return err
		}
		for i := range 200 {
			for range 2 {
				if !d.sending {
					d.send(poller.Message{Data: []byte{byte(i)}, Peer: at("10.0.0.1", port).AddrPort})
				}
				if err := h.Poll(h.Now().Add(time.Millisecond)); err != nil {
					return err
				}
			}
		}
		return h.Poll(h.Now().Add(100 * time.Millisecond))
	})
	if err := w.Run(); err != nil {
		return err
	}
	if !got[13] && !got[137] {
		return fmt.Errorf("lost both")
	}
	return nil
}

// TestShrinkByStrike leaves the few strikes that the failure needs, and prints a command that makes them alone.
func TestShrinkByStrike(t *testing.T) {
	t.Setenv(sim.EnvSeeds, "")
	t.Setenv(sim.EnvSeed, "")
	cfg := sim.Config{Faults: sim.Faults{sim.Drop: 300_000, sim.Duplicate: 100_000, sim.LateSent: 50_000}, ShrinkFor: time.Hour}
	f := new(fakeT)
	f.catch(func() { sim.Explore(f, 2000, cfg, twoLost) })
	if !regexp.MustCompile(`of 1?[0-9][0-9] strikes 4 are left`).MatchString(f.failure) {
		t.Errorf("the failure needs four strikes:\n%s", f.failure)
	}
	if !strings.Contains(f.logs, "fails: lost both\nreplay: PIKE_SEED=") {
		t.Errorf("the seed was not told before: %q", f.logs)
	}
	_, command, _ := strings.Cut(f.failure, "replay: PIKE_SEED='")
	replay, _, _ := strings.Cut(command, "'")
	if !regexp.MustCompile(`^[0-9]+ .*\bdrop#[0-9,-]+`).MatchString(replay) {
		t.Errorf("the replay is %q", replay)
	}
	t.Setenv(sim.EnvSeed, replay)
	var story strings.Builder
	cfg.Trace = &story
	again := new(fakeT)
	again.catch(func() { sim.Test(again, cfg, twoLost) })
	n, drops := strings.Count(story.String(), ": ! "), strings.Count(story.String(), ": ! drop ")
	if n != 4 || drops != 4 || !strings.Contains(again.failure, "lost both") ||
		!strings.Contains(again.failure, "PIKE_SEED='"+replay+"' ") {
		t.Errorf("replayed by %q, %d faults strike: %s", replay, n, again.failure)
	}
	for number := range strings.SplitSeq(rangesOf(replay), ",") {
		if !strings.Contains(number, "-") && !strings.Contains(story.String(), " #"+number+"\n") {
			t.Errorf("the trace does not name drop#%s:\n%s", number, &story)
		}
	}
}

func rangesOf(replay string) string {
	_, after, _ := strings.Cut(replay, "drop#")
	ranges, _, _ := strings.Cut(after, " ")
	return ranges
}

// TestShrinkActs leaves out the acts that a failure does not need, and no fault is left that strikes.
func TestShrinkActs(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs some thousand worlds")
	}
	t.Setenv(sim.EnvSeeds, "")
	t.Setenv(sim.EnvSeed, "")
	run := func(w *sim.World) error {
		m := newMesh(w, 5, time.Second)
		w.Nemesis(everyAct()...)
		ones, crashes := 0, 0
		w.Nemesis(sim.Act{Name: "one", Every: 5 * time.Second, Do: func(hosts []*sim.Host) func() {
			if hosts[0] == m.hosts[0] {
				ones++
			}
			return nil
		}})
		w.Always("fine", func() error {
			crashes = len(m.begun[0]) - 1
			if ones >= 2 && crashes >= 1 {
				return fmt.Errorf("%d and %d", ones, crashes)
			}
			return nil
		})
		return m.last(w, time.Minute)
	}
	cfg := sim.Config{Faults: sim.Faults{sim.Drop: 50_000}, ShrinkFor: time.Hour}
	f := new(fakeT)
	f.catch(func() { sim.Explore(f, 100, cfg, run) })
	if !strings.Contains(f.failure, " 3 are left") {
		t.Errorf("the failure needs two acts called one, and a crash:\n%s", f.failure)
	}
	_, command, _ := strings.Cut(f.failure, "replay: PIKE_SEED='")
	replay, _, _ := strings.Cut(command, "'")
	for _, word := range []string{" one#", " crashes#", "-halves#1-"} {
		if !strings.Contains(replay, word) {
			t.Errorf("the replay is %q, without %q", replay, word)
		}
	}
	t.Setenv(sim.EnvSeed, replay)
	again := new(fakeT)
	again.catch(func() { sim.Explore(again, 100, cfg, run) })
	if !strings.Contains(again.failure, "always fine") {
		t.Errorf("replayed by %q: %q", replay, again.failure)
	}
}

// TestShrinkForEnds stops when the time is up: that no world is tried then does not depend on how fast they are.
func TestShrinkForEnds(t *testing.T) {
	cfg := sim.Config{Faults: sim.Faults{sim.Drop: 300_000}, ShrinkFor: 1}
	r := sim.Search(1, 2000, cfg, twoLost)
	worlds := 0
	small := r.Failure.Shrink(func(w *sim.World) error { worlds++; return twoLost(w) })
	if small.Replay() != r.Failure.Replay() || worlds > 1 {
		t.Errorf("%d worlds in a nanosecond: %q", worlds, small.Replay())
	}
}
