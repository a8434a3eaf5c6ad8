package sim_test

import (
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// story runs a world with two hosts that have nothing to do for a minute, and returns
// its trace.
func story(t *testing.T, cfg sim.Config, arrange func(w *sim.World, a, b *sim.Host)) string {
	t.Helper()
	var text strings.Builder
	cfg.Trace = &text
	_, err := sim.Once(1, cfg, func(w *sim.World) error {
		a, b := w.Host("a"), w.Host("b")
		arrange(w, a, b)
		sleep := func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Minute)) }
		w.Go(a, sleep)
		w.Go(b, sleep)
		return w.Run()
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestTraceTellsTheEndOfACut has cuts of every sort begin and end, one inside another.
func TestTraceTellsTheEndOfACut(t *testing.T) {
	for what, c := range map[string]struct {
		rules   []sim.Rule
		arrange func(w *sim.World, a, b *sim.Host)
		want    []string // in this order
		never   string
	}{
		"CutFor": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutFor(a, b, 2*time.Second) })
		}, []string{"1000.000ms a: is cut off from b", "3000.000ms a: reaches b again"}, ""},
		"rule": {[]sim.Rule{{Fault: sim.Partition, From: "a", To: "b", At: time.Second, For: 2 * time.Second}},
			func(w *sim.World, a, b *sim.Host) {},
			[]string{"1000.000ms a: is cut off from b", "3000.000ms a: reaches b again"}, ""},
		"two that overlap": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutFor(a, b, 5*time.Second) })
			w.At(2*time.Second, func() { w.CutFor(b, a, time.Second) })
			w.At(3*time.Second, func() { w.CutFor(b, a, 10*time.Second) })
		}, []string{"13000.000ms"}, "6000.000ms"},
		"Heal, and Cut before the end": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutFor(a, b, 5*time.Second) })
			w.At(2*time.Second, func() { w.Heal(a, b) })
			w.At(3*time.Second, func() { w.Cut(a, b) })
			w.At(9*time.Second, func() { w.Heal(a, b) })
		}, []string{"2000.000ms a: reaches b again", "3000.000ms a: is cut off from b", "9000.000ms a: reaches b again"}, "6000.000ms"},
		"Cut, then CutFor": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.Cut(a, b) })
			w.At(2*time.Second, func() { w.CutFor(a, b, time.Second) })
		}, []string{"1000.000ms a: is cut off from b"}, "reaches"},
		"CutOneWay, then CutFor": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutOneWay(a, b) })
			w.At(2*time.Second, func() { w.CutFor(a, b, time.Second) })
			w.At(5*time.Second, func() { w.Heal(a, b) })
		}, []string{"1000.000ms a: sends to b in vain", "3000.000ms b: gets through to a again", "5000.000ms a: reaches b again"}, ""},
		"CutFor, then CutOneWay": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutFor(a, b, 2*time.Second) })
			w.At(2*time.Second, func() { w.CutOneWay(a, b) })
		}, []string{"1000.000ms a: is cut off from b", "2000.000ms a: sends to b in vain",
			"3000.000ms b: gets through to a again"}, "reaches"},
		"CutFor, then CutOneWay back": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.CutFor(a, b, 2*time.Second) })
			w.At(2*time.Second, func() { w.CutOneWay(b, a) })
		}, []string{"2000.000ms b: sends to a in vain", "3000.000ms a: gets through to b again"}, "reaches"},
		"a cut of no length": {nil, func(w *sim.World, a, b *sim.Host) { w.CutFor(a, b, 0) }, nil, "is cut off"},
		"a slow link": {nil, func(w *sim.World, a, b *sim.Host) {
			w.At(time.Second, func() { w.Link(a, b, sim.Link{Latency: time.Second, Bandwidth: 1000}) })
			w.At(2*time.Second, func() { w.Link(a, b, sim.Link{Latency: time.Millisecond, Loss: 7}) })
		}, []string{
			"1000.000ms a: has another link to b: 1s to 1s, 1000 bytes a second", "1000.000ms b: has another link to a: ",
			"2000.000ms a: has another link to b: 1ms to 1ms, of a million datagrams 7 lost",
		}, ""},
	} {
		text := story(t, sim.Config{Rules: c.rules}, c.arrange)
		rest := text
		for _, want := range c.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: the trace does not say %q, or not then:\n%s", what, want, text)
			}
			rest = after
		}
		if c.never != "" && strings.Contains(text, c.never) {
			t.Errorf("%s: the trace says %q:\n%s", what, c.never, text)
		}
	}
}

// TestCutThatEndsIsNoLife has nothing but the end of a cut to come: a deadlock, at once.
func TestCutThatEndsIsNoLife(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a, b := w.Host("a"), w.Host("b")
	w.Go(a, idle)
	w.CutFor(a, b, 3*time.Hour)
	if err := w.Run(); err == nil || !strings.Contains(err.Error(), "deadlock") || w.Now() > poller.Time(time.Second) {
		t.Errorf("at %v: %v", time.Duration(w.Now()), err)
	}
}

// TestTraceTellsHowLong has faults that last tell so, and a pause its end.
func TestTraceTellsHowLong(t *testing.T) {
	var text strings.Builder
	cfg := sim.Config{Trace: &text, Rules: []sim.Rule{
		{Fault: sim.Pause, To: "a", Nth: 1, For: 1500 * time.Millisecond},
		{Fault: sim.Stall, Nth: 1, For: 700 * time.Millisecond},
	}}
	_, err := sim.Once(1, cfg, func(w *sim.World) error {
		lives := 0
		w.Daemon(w.Host("a"), server(&lives))
		w.Go(w.Host("b"), func(h *sim.Host) error {
			h.Poll(h.Now().Add(time.Millisecond))
			e := new(end)
			e.s, _ = h.Dial(at("10.0.0.1", port), nil, e)
			e.s.Start()
			e.on.connected = func(error) { e.send([]byte("x")) }
			for h.Now() < 5e9 {
				if err := h.Poll(5e9); err != nil {
					return err
				}
			}
			return nil
		})
		return w.Run()
	})
	for _, want := range []string{"a: ! pause for 1500.000ms", "a: goes on after a pause", ":7000 for 700.000ms"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the trace does not say %q:\n%s%v", want, &text, err)
		}
	}
}
