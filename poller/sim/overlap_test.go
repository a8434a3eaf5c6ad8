package sim_test

import (
	"slices"
	"testing"
	"time"

	"example.com/pike/poller/sim"
)

// TestFaultsOfHostsOverlap has a process killed, paused, and its machine lose power, one
// during another, and holds when the program begins.
func TestFaultsOfHostsOverlap(t *testing.T) {
	const s = time.Second
	crash := func(at, span time.Duration) sim.Rule { return sim.Rule{Fault: sim.Crash, To: "srv", At: at, For: span} }
	for what, c := range map[string]struct {
		rules []sim.Rule
		at    func(w *sim.World, srv *sim.Host)
		want  []time.Duration // besides 0
	}{
		"kill, then crash": {[]sim.Rule{crash(1100*time.Millisecond, 10*s)}, func(w *sim.World, srv *sim.Host) {
			w.At(s, srv.Kill)
		}, []time.Duration{11100 * time.Millisecond}},
		"crash, then kill": {[]sim.Rule{crash(s, 10*s)}, func(w *sim.World, srv *sim.Host) {
			w.At(2*s, srv.Kill)
		}, []time.Duration{11 * s}},
		"two kills": {nil, func(w *sim.World, srv *sim.Host) {
			w.At(s, srv.Kill)
			w.At(1200*time.Millisecond, srv.Kill)
		}, []time.Duration{1300 * time.Millisecond}},
		"kill at the moment it begins again": {nil, func(w *sim.World, srv *sim.Host) {
			w.At(s, srv.Kill)
			w.At(1300*time.Millisecond, srv.Kill)
		}, []time.Duration{1300 * time.Millisecond, 1600 * time.Millisecond}},
		"a longer crash within a crash": {[]sim.Rule{crash(s, 5*s), crash(2*s, 10*s)}, nil, []time.Duration{12 * s}},
		"a shorter one":                 {[]sim.Rule{crash(s, 5*s), crash(2*s, s)}, nil, []time.Duration{6 * s}},
		"Crash within one": {[]sim.Rule{crash(s, 5*s)}, func(w *sim.World, srv *sim.Host) {
			w.At(2*s, srv.Crash)
		}, []time.Duration{6 * s}},
		"crash, Boot, crash": {[]sim.Rule{crash(s, 5*s), crash(3*s, 10*s)}, func(w *sim.World, srv *sim.Host) {
			w.At(2*s, srv.Boot)
		}, []time.Duration{2 * s, 13 * s}},
		"crash, at whose end another": {[]sim.Rule{crash(s, 5*s), crash(6*s, 5*s)}, nil, []time.Duration{11 * s}},
		"kill in a pause": {[]sim.Rule{{Fault: sim.Pause, To: "srv", At: 900 * time.Millisecond, Nth: 1, For: 20 * s}},
			func(w *sim.World, srv *sim.Host) {
				w.At(900*time.Millisecond, func() { srv.Wake() })
				w.At(s, srv.Kill)
			}, []time.Duration{1300 * time.Millisecond}},
	} {
		var begun []time.Duration
		ticks := 0
		w := sim.New(1, sim.Config{Rules: c.rules})
		srv := w.Host("srv")
		srv.Restart = 300 * time.Millisecond
		w.Daemon(srv, func(h *sim.Host) error {
			begun = append(begun, time.Duration(w.Now()))
			for ticks = 0; ; ticks++ {
				if err := h.Poll(h.Now().Add(s)); err != nil {
					return err
				}
			}
		})
		if c.at != nil {
			c.at(w, srv)
		}
		w.Go(w.Host("cli"), func(h *sim.Host) error { return h.Poll(h.Now().Add(20 * s)) })
		err := w.Run()
		if err != nil || !slices.Equal(begun, append([]time.Duration{0}, c.want...)) {
			t.Errorf("%s: the program begins at %v, want %v; %v", what, begun, c.want, err)
		} else if least := int((20*s-begun[len(begun)-1])/s) - 1; ticks < least {
			t.Errorf("%s: the last life has %d seconds, want %d", what, ticks, least)
		}
	}
}
