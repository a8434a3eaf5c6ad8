package sim_test

import (
	"errors"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// TestGoThenKill has a program killed that Go has given to a host before it has begun, on a host where
// one was killed before.
func TestGoThenKill(t *testing.T) {
	for what, end := range map[string]func(*sim.Host){"Kill": (*sim.Host).Kill, "Crash": (*sim.Host).Crash} {
		w := sim.New(1, sim.Config{})
		a := w.Host("a")
		runs := 0
		program := func(h *sim.Host) error { runs++; return idle(h) }
		w.Go(a, func(h *sim.Host) error { return idle(h) })
		w.At(time.Second, a.Kill)
		w.At(2*time.Second, func() {
			end(a)
			w.Go(a, program)
		})
		w.At(3*time.Second, func() {
			w.Go(a, program)
			end(a)
		})
		w.Go(w.Host("b"), func(h *sim.Host) error { return h.Poll(h.Now().Add(5 * time.Second)) })
		w.At(4*time.Second, a.Kill)
		if err := w.Run(); err != nil || runs != 1 {
			t.Errorf("%s: %d runs, %v", what, runs, err)
		}
	}
}

// TestKillWhilePolledFromOutside ends a Poll that has no deadline.
func TestKillWhilePolledFromOutside(t *testing.T) {
	for what, end := range map[string]func(*sim.Host){"Kill": (*sim.Host).Kill, "Crash": (*sim.Host).Crash} {
		n, a, b := two(t, 1, sim.Config{})
		n.At(time.Second, func() { end(a) })
		if err := a.Poll(poller.Never); !errors.Is(err, sim.ErrKilled) {
			t.Errorf("%s: %v", what, err)
		}
		if n.Now() > poller.Time(time.Second) {
			t.Errorf("%s: Poll returns at %v", what, time.Duration(n.Now()))
		}
		if err := b.Poll(b.Now().Add(time.Second)); err != nil {
			t.Errorf("%s: the world is over: %v", what, err)
		}
	}
}

// TestProcessOfAMachineWithoutPower does not run.
func TestProcessOfAMachineWithoutPower(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	a.Crash()
	b.Poll(n.Now().Add(time.Second))
	p := a.Process("p")
	if err := p.Poll(n.Now().Add(time.Second)); !errors.Is(err, sim.ErrKilled) {
		t.Errorf("a process without power polls: %v", err)
	}
	a.Boot()
	p.Boot()
	for _, h := range []*sim.Host{a, p} {
		if err := h.Poll(n.Now().Add(time.Second)); err != nil {
			t.Errorf("%s after Boot: %v", h.Name(), err)
		}
	}
}

// TestBootEndsAPause of what was before.
func TestBootEndsAPause(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{Rules: []sim.Rule{{Fault: sim.Pause, To: "a", Nth: 1, For: time.Hour}}})
	n.At(time.Second, func() { a.Wake() })
	n.At(2*time.Second, a.Crash)
	if err := a.Poll(poller.Never); !errors.Is(err, sim.ErrKilled) {
		t.Fatal(err)
	}
	a.Boot()
	end := n.Now().Add(time.Second)
	if err := a.Poll(end); err != nil || a.Now() != end {
		t.Errorf("after Boot a Poll until %v returns at %v: %v", end, a.Now(), err)
	}
}
