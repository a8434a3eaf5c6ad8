package sim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
)

// TestClockOfAHost has timers and loops follow a clock that is fast or slow, and is set while a timer runs.
func TestClockOfAHost(t *testing.T) {
	for _, c := range []struct {
		first, later int
		want         time.Duration // of the world, when a timer of 100 s by the clock expires, from 1 s on
	}{
		{0, 0, 101 * time.Second},
		{20_000, 20_000, time.Second + 100*time.Second*1_000_000/1_020_000},
		{-20_000, -20_000, time.Second + 100*time.Second*1_000_000/980_000},
		{0, 500_000, 51*time.Second + 50*time.Second*1_000_000/1_500_000},
		{500_000, -500_000, 51*time.Second + 25*time.Second*2},
	} {
		var at, now time.Duration
		w := sim.New(1, sim.Config{})
		h := w.Host("h")
		other := h.Process("other")
		w.At(0, func() { h.SetClock(sim.Clock{}) })
		w.At(time.Second-1, func() { h.SetClock(sim.Clock{RatePPM: c.first}) })
		w.At(51*time.Second, func() { h.SetClock(sim.Clock{RatePPM: c.later}) })
		for _, p := range []*sim.Host{h, other} {
			w.Go(p, func(h *sim.Host) error {
				if err := h.Poll(poller.Time(time.Second)); err != nil {
					return err
				}
				return loop.RunOn(h, func(lp *loop.Loop) error {
					begun := lp.Now()
					_, err := timer.After(lp, 100*time.Second, func() { at, now = time.Duration(w.Now()), lp.Now().Sub(begun) })
					return err
				})
			})
		}
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		const us = time.Microsecond
		if at < c.want-us || at > c.want+us || now < 100*time.Second || now > 100*time.Second+2*us {
			t.Errorf("%+v: it expires at %v, after %v by its clock", c, at, now)
		}
	}
}

// TestTimeOfDay jumps when a clock is set, and a timer does not.
func TestTimeOfDay(t *testing.T) {
	w := sim.New(1, sim.Config{})
	h := w.Host("h")
	var wall []string
	w.At(time.Hour-time.Second, func() {
		before := h.Now()
		for _, by := range []time.Duration{0, time.Minute, -24 * time.Hour} {
			h.SetClock(sim.Clock{Offset: by})
			wall = append(wall, h.Time().Format(time.DateTime))
		}
		if h.Now() != before {
			t.Errorf("the clock of loops goes from %v to %v", before, h.Now())
		}
	})
	w.Go(h, func(h *sim.Host) error { return h.Poll(poller.Time(time.Hour - time.Millisecond)) })
	if err := w.Run(); err != nil || w.Now() < poller.Time(time.Hour-time.Millisecond) {
		t.Errorf("it ends at %v: %v", time.Duration(w.Now()), err)
	}
	if got := strings.Join(wall, ", "); got != "2026-01-01 00:59:59, 2026-01-01 01:00:59, 2025-12-31 00:59:59" {
		t.Errorf("the times of day are %s", got)
	}
	if h.Clock() != (sim.Clock{Offset: -24 * time.Hour}) {
		t.Errorf("the clock is %+v", h.Clock())
	}
	panics(t, "cannot go wrong", func() { h.SetClock(sim.Clock{RatePPM: 600_000}) })
}

// TestClockIsMonotonic sets clocks again and again, and holds that Now never goes back and no deadline is early.
func TestClockIsMonotonic(t *testing.T) {
	for seed := range uint64(50) {
		_, err := sim.Once(seed, sim.Config{}, func(w *sim.World) error {
			h := w.Host("h")
			r := w.RandOf("clock")
			for range 200 {
				w.At(time.Duration(r.Int64N(100e9)), func() { h.SetClock(sim.Clock{RatePPM: r.IntN(1_000_001) - 500_000}) })
			}
			w.Go(h, func(h *sim.Host) error {
				draws := w.RandOf("h")
				for last := h.Now(); w.Now() < poller.Time(100*time.Second); {
					deadline := last.Add(time.Duration(draws.Int64N(1e9)))
					if err := h.Poll(deadline); err != nil {
						return err
					}
					now := h.Now()
					if now < last || now < deadline || now > deadline+poller.Time(10*time.Microsecond) {
						return fmt.Errorf("a Poll from %d until %d returns at %d", last, deadline, now)
					}
					last = now
				}
				return nil
			})
			return w.Run()
		})
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// leases is a service that leases something for a second, to one client at a time. A client counts the second from when
// it asked, and the server from when it answered. This is safe if both clocks go alike.
func leases(w *sim.World) error {
	until := map[*sim.Host]poller.Time{} // by the clock of each client
	clients := []*sim.Host{w.Host("c1"), w.Host("c2")}
	w.Always("one has it", func() error {
		if a, b := clients[0], clients[1]; until[a] > a.Now() && until[b] > b.Now() {
			return errors.New("two have it")
		}
		return nil
	})
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		free := poller.Time(0)
		b := new(box)
		b.on = func(m poller.Message) {
			if h.Now() >= free && !b.sending {
				free = h.Now().Add(time.Second)
				b.send(poller.Message{Data: []byte(m.Data), Peer: m.Peer})
			}
		}
		var err error
		if b.s, err = h.Bind(at("0.0.0.0", port), nil, b); err != nil {
			return err
		}
		b.s.Start()
		return idle(h)
	})
	for _, c := range clients {
		w.Go(c, func(h *sim.Host) error {
			b := new(box)
			asked := map[byte]poller.Time{}
			b.on = func(m poller.Message) { until[h] = asked[m.Data[0]].Add(time.Second) }
			var err error
			if b.s, err = h.Bind(at("0.0.0.0", 0), nil, b); err != nil {
				return err
			}
			b.s.Start()
			for n := byte(0); w.Now() < poller.Time(40*time.Second); n++ {
				asked[n] = h.Now()
				if !b.sending {
					b.send(poller.Message{Data: []byte{n}, Peer: at("10.0.0.3", port).AddrPort})
				}
				if err := h.Poll(h.Now().Add(3 * time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return w.Run()
}

// TestLeaseThatDriftBreaks is sound without drift in many worlds, and found with it.
func TestLeaseThatDriftBreaks(t *testing.T) {
	sound := sim.Search(1, 2, sim.Config{Faults: sim.Faults{sim.Drop: 50_000, sim.Pause: 100}}, leases)
	if sound.Failure != nil {
		t.Errorf("without drift: %v", sound.Failure.Err)
	}
	if testing.Short() {
		return
	}
	var v *sim.Violation
	found := sim.Search(1, 10, sim.Config{}, func(w *sim.World) error {
		w.Nemesis(sim.ClockDrift())
		return leases(w)
	})
	if found.Failure == nil || !errors.As(found.Failure.Err, &v) {
		t.Errorf("with drift: %+v", found.Failure)
	}
}
