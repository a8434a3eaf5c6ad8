package sim_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// A pauseCase is a program that ticks each second from 0 to 20 s, and when it does not.
type pauseCase struct {
	rules  []sim.Rule
	at     func(w *sim.World, h *sim.Host)
	silent [][2]time.Duration // it ticks at the end of each of these, and not within
	begins []time.Duration
}

func TestPause(t *testing.T) {
	const s = time.Second
	for what, c := range pauseCases(s) {
		var ticks, begun []time.Duration
		w := sim.New(1, sim.Config{Rules: c.rules})
		h := w.Host("h")
		h.Restart = 300 * time.Millisecond
		w.Daemon(h, func(h *sim.Host) error {
			begun = append(begun, time.Duration(w.Now()))
			for {
				ticks = append(ticks, time.Duration(w.Now()))
				if err := h.Poll(h.Now().Add(s)); err != nil {
					return err
				}
			}
		})
		c.at(w, h)
		w.Go(w.Host("cli"), func(h *sim.Host) error { return h.Poll(h.Now().Add(20 * s)) })
		if err := w.Run(); err != nil || !slices.Equal(begun, append([]time.Duration{0}, c.begins...)) {
			t.Errorf("%s: the program begins at %v: %v", what, begun, err)
		}
		for _, r := range c.silent {
			if slices.ContainsFunc(ticks, func(at time.Duration) bool { return at > r[0] && at < r[1] }) ||
				r[1] < 20*s && !slices.ContainsFunc(ticks, func(at time.Duration) bool { return at/1e6 == r[1]/1e6 }) {
				t.Errorf("%s: it ticks at %v; it was to be silent from %v to %v", what, ticks, r[0], r[1])
			}
		}
		if last := ticks[len(ticks)-1]; last < 18*s && c.silent[len(c.silent)-1][1] < 20*s {
			t.Errorf("%s: its last tick is at %v", what, last)
		}
	}
}

func pauseCases(s time.Duration) map[string]pauseCase {
	ms := time.Millisecond
	return map[string]pauseCase{
		"a pause": {nil, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(5 * s) })
		}, [][2]time.Duration{{1500 * ms, 6500 * ms}}, nil},
		"a longer one within": {nil, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(5 * s) })
			w.At(2500*ms, func() { h.Pause(10 * s) })
		}, [][2]time.Duration{{1500 * ms, 12500 * ms}}, nil},
		"a shorter one within": {nil, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(5 * s) })
			w.At(2500*ms, func() { h.Pause(s) })
			w.At(2600*ms, func() { h.Pause(-s) })
		}, [][2]time.Duration{{1500 * ms, 6500 * ms}}, nil},
		"within the fault": {[]sim.Rule{{Fault: sim.Pause, To: "h", Nth: 1, For: 5 * s}}, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Wake() })
			w.At(2*s, func() { h.Pause(2 * s) })
		}, [][2]time.Duration{{1501 * ms, 6500 * ms}}, nil},
		"longer than the fault": {[]sim.Rule{{Fault: sim.Pause, To: "h", Nth: 1, For: 5 * s}}, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Wake() })
			w.At(2*s, func() { h.Pause(10 * s) })
		}, [][2]time.Duration{{1501 * ms, 12 * s}}, nil},
		"the fault within": {[]sim.Rule{{Fault: sim.Pause, To: "h", Nth: 1, For: s}}, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(5 * s) })
			w.At(2*s, func() { h.Wake() })
		}, [][2]time.Duration{{1500 * ms, 6500 * ms}}, nil},
		"killed within": {nil, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(10 * s) })
			w.At(3*s, h.Kill)
		}, [][2]time.Duration{{1500 * ms, 3300 * ms}}, []time.Duration{3300 * ms}},
		"crash within": {[]sim.Rule{{Fault: sim.Crash, To: "h", At: 3 * s, For: 4 * s}}, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(10 * s) })
			w.At(5*s, func() { h.Pause(10 * s) }) // nobody is there
		}, [][2]time.Duration{{1500 * ms, 7 * s}}, []time.Duration{7 * s}},
		"paused, killed, paused until the same moment": {nil, func(w *sim.World, h *sim.Host) {
			w.At(1500*ms, func() { h.Pause(10 * s) })
			w.At(2*s, h.Kill)
			w.At(3500*ms, func() { h.Pause(8 * s) })
		}, [][2]time.Duration{{3500 * ms, 11500 * ms}}, []time.Duration{2300 * ms}},
	}
}

// TestPauseKeepsJobs has a job wait until its process goes on.
func TestPauseKeepsJobs(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	ran := poller.Time(0)
	a.Pause(10 * time.Second)
	a.Submit(func() { ran = n.Now() })
	b.Poll(n.Now().Add(5 * time.Second))
	if ran != 0 {
		t.Errorf("the job of a paused process ran at %v", time.Duration(ran))
	}
	b.Poll(n.Now().Add(6 * time.Second))
	if ran < poller.Time(10*time.Second) {
		t.Errorf("the job ran at %v", time.Duration(ran))
	}
}

// TestPausedHostAnswers has its system take bytes, and its program receive them when it goes on.
func TestPausedHostAnswers(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	e, got := n.pair()
	a.Pause(10 * time.Second)
	e.send([]byte("x"))
	for n.Now() < poller.Time(5*time.Second) {
		b.Poll(n.Now().Add(time.Second))
	}
	if acked := e.s.(poller.Acker).Unacked(); acked != 0 || len(got.got) != 0 {
		t.Errorf("while it is paused: %d bytes are not acknowledged, it has received %q", acked, got.got)
	}
	for len(got.got) == 0 {
		if err := a.Poll(poller.Never); err != nil {
			t.Fatal(err)
		}
	}
	if n.Now() < poller.Time(10*time.Second) {
		t.Errorf("received at %v", time.Duration(n.Now()))
	}
}

// TestSignalsOfAProcessThatRuns are heard as ever.
func TestSignalsOfAProcessThatRuns(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	heard := 0
	a.Signals(func(os.Signal) { heard++ })
	a.Signal(os.Interrupt)
	n.turn(time.Second)
	if heard != 1 {
		t.Errorf("heard %d signals", heard)
	}
}
