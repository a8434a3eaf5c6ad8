package sim_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// A mesh is some hosts that send each other a datagram every 50 ms.
type mesh struct {
	hosts []*sim.Host
	heard [][]poller.Time // when i heard of j last
	begun [][]poller.Time
	ticks [][]poller.Time
}

func newMesh(w *sim.World, n int, restart time.Duration) *mesh {
	m := &mesh{heard: make([][]poller.Time, n), begun: make([][]poller.Time, n), ticks: make([][]poller.Time, n)}
	for i := range n {
		m.heard[i] = make([]poller.Time, n)
		h := w.Host(fmt.Sprintf("h%d", i))
		h.Restart = restart
		m.hosts = append(m.hosts, h)
		w.Daemon(h, func(h *sim.Host) error { return m.run(h, i) })
	}
	return m
}

func (m *mesh) run(h *sim.Host, i int) error {
	m.begun[i] = append(m.begun[i], h.Now())
	b := &box{on: func(msg poller.Message) { m.heard[i][msg.Data[0]] = h.World().Now() }}
	var err error
	if b.s, err = h.Bind(at("0.0.0.0", port), nil, b); err != nil {
		return err
	}
	b.s.Start()
	for next := h.Now(); ; {
		if h.Now() >= next {
			m.ticks[i] = append(m.ticks[i], h.Now())
			next = h.Now().Add(50 * time.Millisecond)
			var ms []poller.Message
			for _, o := range m.hosts {
				if o != h {
					ms = append(ms, poller.Message{Data: []byte{byte(i)}, Peer: at(o.Addrs()[0].String(), port).AddrPort})
				}
			}
			if !b.sending {
				b.send(ms...)
			}
		}
		if err := h.Poll(next); err != nil {
			return err
		}
	}
}

// reached are who hears of whom now, as a matrix of 0 and 1.
func (m *mesh) reached(now poller.Time) string {
	var b strings.Builder
	for i := range m.hosts {
		for j := range m.hosts {
			switch {
			case i == j:
				b.WriteByte('.')
			case m.heard[i][j] > now-poller.Time(400*time.Millisecond):
				b.WriteByte('1')
			default:
				b.WriteByte('0')
			}
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// run is a world in which the hosts of the mesh run for so long.
func (m *mesh) last(w *sim.World, d time.Duration) error {
	w.Go(w.Host("watch"), func(h *sim.Host) error { return h.Poll(h.Now().Add(d)) })
	return w.Run()
}

// TestActsThatPart has the partitions that are ready-made be done to five hosts, and counts who hears of whom.
func TestActsThatPart(t *testing.T) {
	for name, c := range map[string]struct {
		act    sim.Act
		degree string // of the hosts, sorted: how many each hears of
	}{
		"halves":    {sim.Halves(), "11222"},
		"one-alone": {sim.OneAlone(), "03333"},
		"bridge":    {sim.Bridge(), "22224"},
		"ring":      {sim.Ring(), "22222"},
		"one-way":   {sim.OneWay(), "33334"},
	} {
		if c.act.Name != name {
			t.Errorf("%s is called %s", name, c.act.Name)
		}
		seen := map[string]bool{}
		for seed := range uint64(10) {
			_, err := sim.Once(seed, sim.Config{}, func(w *sim.World) error {
				m := newMesh(w, 5, 0)
				var undo func()
				var order []*sim.Host
				for _, i := range w.RandOf("order").Perm(5) {
					order = append(order, m.hosts[i])
				}
				w.At(time.Second, func() { undo = c.act.Do(order) })
				w.At(2*time.Second, func() {
					r := m.reached(w.Now())
					seen[r] = true
					var degree [5]byte
					for i, row := range strings.Fields(r) {
						degree[i] = '0' + byte(strings.Count(row, "1"))
					}
					for i := range degree {
						for j := range i {
							if degree[j] > degree[i] {
								degree[i], degree[j] = degree[j], degree[i]
							}
						}
					}
					if string(degree[:]) != c.degree {
						w.Errorf("they hear %s of each other, want %s: %s", degree, c.degree, r)
					}
					undo()
				})
				w.At(3*time.Second, func() {
					if r := m.reached(w.Now()); strings.Contains(r, "0") {
						w.Errorf("after the end: %s", r)
					}
				})
				return m.last(w, 4*time.Second)
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(seen) < 3 {
			t.Errorf("%s does the same in all worlds: %v", name, seen)
		}
	}
}

func everyAct() []sim.Act {
	acts := []sim.Act{
		sim.Halves(), sim.OneAlone(), sim.Bridge(), sim.Ring(), sim.OneWay(), sim.Swizzle(), sim.Crashes(), sim.Pauses(), sim.SlowLinks(),
		sim.ClockJumps(), sim.ClockDrift(),
	}
	for i := range acts {
		acts[i].Hosts = []string{"h0", "h1", "h2", "h3", "h4"}
	}
	return acts
}

// TestQuietEnd has all acts and heavy faults happen to a mesh for a minute, besides what a test does by hand. Half a second after Calm
// all is well: everybody runs and hears of everybody, and every host begins as often as it ought to.
func TestQuietEnd(t *testing.T) {
	t.Setenv(sim.EnvSeeds, "")
	n := 40
	if testing.Short() {
		n = 5
	}
	sim.Explore(t, n, sim.Config{Faults: sim.Heavy()}, func(w *sim.World) error {
		m := newMesh(w, 5, time.Second)
		w.Nemesis(everyAct()...)
		r := w.RandOf("test")
		for range 5 {
			w.At(time.Duration(r.Int64N(60e9)), m.hosts[r.IntN(5)].Kill)
			w.At(time.Duration(r.Int64N(60e9)), m.hosts[r.IntN(5)].Crash)
			w.At(time.Duration(r.Int64N(60e9)), func() { m.hosts[r.IntN(5)].Pause(time.Second) })
			w.At(time.Duration(r.Int64N(60e9)), func() { w.CutFor(m.hosts[0], m.hosts[1], time.Minute) })
		}
		hits := sim.Hits{}
		w.At(time.Minute, func() {
			w.Calm()
			hits = w.Hits()
		})
		w.At(time.Minute+2500*time.Millisecond, func() { // a process may have been killed a moment before, and be paused
			if r := m.reached(w.Now()); strings.Contains(r, "0") {
				w.Errorf("not all is well: %s\n%s", r, w.State())
			}
			if w.Hits() != hits {
				w.Errorf("faults strike after Calm: %v", w.Hits())
			}
		})
		return m.last(w, 65*time.Second)
	})
}

// TestTraceTellsEveryEnd follows the cuts of a trace with all acts in it: what was cut is told to be healed.
func TestTraceTellsEveryEnd(t *testing.T) {
	line := regexp.MustCompile(`^\S+ (\S+): (is cut off from|sends to|reaches|gets through to) (\S+)`)
	seeds := uint64(10)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		var text strings.Builder
		_, err := sim.Once(seed, sim.Config{Trace: &text, Faults: sim.Faults{sim.Partition: 3000}}, func(w *sim.World) error {
			m := newMesh(w, 5, time.Second)
			w.Nemesis(everyAct()...)
			r := w.RandOf("test")
			for range 10 {
				a, b := m.hosts[r.IntN(5)], m.hosts[r.IntN(5)]
				if a == b {
					continue
				}
				w.At(time.Duration(r.Int64N(60e9)), func() { w.CutFor(a, b, 3*time.Second) })
				w.At(time.Duration(r.Int64N(60e9)), func() { w.CutOneWay(a, b) })
				w.At(time.Duration(r.Int64N(60e9)), func() { w.Heal(a, b) })
			}
			w.At(time.Minute, w.Calm)
			return m.last(w, 62*time.Second)
		})
		if err != nil {
			t.Fatal(err)
		}
		cut := map[string]bool{}
		for l := range strings.Lines(text.String()) {
			f := line.FindStringSubmatch(l)
			if f == nil || f[2] == "sends to" && !strings.Contains(l, "in vain") {
				continue
			}
			there, back := f[1]+">"+f[3], f[3]+">"+f[1]
			switch f[2] {
			case "is cut off from":
				cut[there], cut[back] = true, true
			case "sends to":
				cut[there] = true
			case "reaches":
				delete(cut, there)
				delete(cut, back)
			case "gets through to":
				delete(cut, there)
			}
		}
		if len(cut) > 0 {
			t.Errorf("seed %d: the trace does not tell the end of %v", seed, cut)
		}
		for _, want := range []string{"world: ! halves#1 for ", "world: halves#1 ends", "is slowed down by",
			"is no longer slowed down", "is paused", "goes on after a pause"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("seed %d: the trace does not say %q", seed, want)
			}
		}
	}
}

// TestActLeftOut leaves one act out of a world and holds that the others come when they came.
func TestActLeftOut(t *testing.T) {
	acts := func(replay string) string {
		t.Setenv(sim.EnvSeed, replay)
		var text strings.Builder
		sim.Test(t, sim.Config{Trace: &text}, func(w *sim.World) error {
			m := newMesh(w, 5, 0)
			w.Nemesis(sim.Halves(), sim.OneWay())
			return m.last(w, 2*time.Minute)
		})
		var lines []string
		for l := range strings.Lines(text.String()) {
			if strings.Contains(l, " world: !") {
				lines = append(lines, l)
			}
		}
		return strings.Join(lines, "")
	}
	whole := acts("3")
	without := acts("3 -halves#2")
	only := acts("3 halves#2 -one-way#1-")
	var rest, second string
	for l := range strings.Lines(whole) {
		if strings.Contains(l, "halves#2") {
			second += l
		} else {
			rest += l
		}
	}
	if without != rest || only != second || strings.Count(whole, "\n") < 6 {
		t.Errorf("all:\n%swithout the second:\n%sthe second only:\n%s", whole, without, only)
	}
}

// TestNemesisHidesNoDeadlock has nothing but acts to come.
func TestNemesisHidesNoDeadlock(t *testing.T) {
	w := sim.New(1, sim.Config{})
	w.Go(w.Host("a"), idle)
	w.Host("b")
	w.Nemesis(sim.Halves(), sim.Pauses())
	if err := w.Run(); !errors.Is(err, sim.ErrDeadlock) || w.Now() > poller.Time(time.Second) {
		t.Errorf("at %v: %v", time.Duration(w.Now()), err)
	}
}

// TestBadActs are told at once.
func TestBadActs(t *testing.T) {
	do := func([]*sim.Host) func() { return nil }
	for what, acts := range map[string][]sim.Act{
		"no name":          {{Every: 1, Do: do}},
		"a fault's name":   {{Name: "crash", Every: 1, Do: do}},
		"a number":         {{Name: "a#1", Every: 1, Do: do}},
		"nothing to do":    {{Name: "a", Every: 1}},
		"always":           {{Name: "a", Do: do}},
		"two of one name":  {sim.Ring(), sim.Ring()},
		"it looks as less": {{Name: "-a", Every: 1, Do: do}},
	} {
		w := sim.New(1, sim.Config{})
		t.Run(what, func(t *testing.T) { panics(t, "sim: ", func() { w.Nemesis(acts...) }) })
	}
	_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
		w.Nemesis(sim.Act{Name: "a", Every: time.Second, Do: do, Hosts: []string{"nobody"}})
		w.Go(w.Host("h"), func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Minute)) })
		return w.Run()
	})
	if err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("an act for a host that is not there: %v", err)
	}
	t.Setenv(sim.EnvSeed, "1 -nothing#3")
	f := new(fakeT)
	f.catch(func() { sim.Test(f, sim.Config{}, chatter) })
	if !strings.Contains(f.failure, "nothing") {
		t.Errorf("a strike of nothing is left out: %q", f.failure)
	}
	for _, bad := range []string{"1 -drop#", "1 -drop#0", "1 drop#5-3", "1 -drop#x", "1 #3"} {
		t.Setenv(sim.EnvSeed, bad)
		f := new(fakeT)
		f.catch(func() { sim.Test(f, sim.Config{}, chatter) })
		if !strings.Contains(f.failure, sim.EnvSeed) {
			t.Errorf("PIKE_SEED=%q: %q", bad, f.failure)
		}
	}
}

// TestRandOf holds that what one draws does not move when another draws.
func TestRandOf(t *testing.T) {
	draw := func(seed uint64, name string, others int) uint64 {
		w := sim.New(seed, sim.Config{})
		for range others {
			w.RandOf("other").Uint64()
			w.Rand().Uint64()
		}
		r := w.RandOf(name)
		if r != w.RandOf(name) {
			t.Error("it is another generator each time")
		}
		return r.Uint64()
	}
	if draw(1, "a", 0) != draw(1, "a", 5) {
		t.Error("it moves with what others draw")
	}
	if a := draw(1, "a", 0); a == draw(1, "b", 0) || a == draw(2, "a", 0) || a == sim.New(1, sim.Config{}).Rand().Uint64() {
		t.Error("two generators are the same")
	}
}

// TestSetFaults turns faults on and off in a world that runs.
func TestSetFaults(t *testing.T) {
	for replay, want := range map[string]bool{"5": true, "5 -drop": false, "5 -faults": false, "5 -drop#1-": false, "5 drop#1": true} {
		t.Setenv(sim.EnvSeed, replay)
		sim.Test(t, sim.Config{}, func(w *sim.World) error {
			m := newMesh(w, 3, 0)
			var at [4]uint64
			for i := range at {
				w.At(time.Duration(i)*time.Second, func() {
					at[i] = w.Hits()[sim.Drop]
					if i == 1 {
						w.SetFaults(sim.Faults{sim.Drop: 300_000})
					} else {
						w.SetFaults(sim.None())
					}
				})
			}
			err := m.last(w, 4*time.Second)
			if at[1] != 0 || (at[2] > 0) != want || at[3] != at[2] || replay == "5 drop#1" && at[2] != 1 {
				t.Errorf("%s: drops by each second: %v", replay, at)
			}
			return err
		})
	}
}

// TestPowerOfActsAndRules has an act take the power beside others that do. It is back when the last of them ends.
func TestPowerOfActsAndRules(t *testing.T) {
	const s = time.Second
	rule := func(at, span time.Duration) []sim.Rule {
		return []sim.Rule{{Fault: sim.Crash, To: "h0", At: at, For: span}}
	}
	for what, c := range map[string]struct {
		rules []sim.Rule
		at    func(w *sim.World, h *sim.Host)
		want  []time.Duration
	}{
		"alone":             {nil, nil, []time.Duration{6 * s}},
		"a shorter rule":    {rule(2*s, 2*s), nil, []time.Duration{6 * s}},
		"a longer rule":     {rule(2*s, 10*s), nil, []time.Duration{12 * s}},
		"a rule before":     {rule(s/2, 2*s), nil, []time.Duration{6 * s}},
		"a rule until then": {rule(2*s, 4*s), nil, []time.Duration{6 * s}},
		"killed before, to begin again within": {nil, func(w *sim.World, h *sim.Host) {
			w.At(s-s/10, h.Kill)
		}, []time.Duration{6 * s}},
		"killed within": {nil, func(w *sim.World, h *sim.Host) { w.At(2*s, h.Kill) }, []time.Duration{6 * s}},
		"paused":        {nil, func(w *sim.World, h *sim.Host) { w.At(s/2, func() { h.Pause(20 * s) }) }, []time.Duration{6 * s}},
		"Boot within":   {nil, func(w *sim.World, h *sim.Host) { w.At(2*s, h.Boot) }, []time.Duration{2 * s}},
	} {
		m := new(mesh)
		_, err := sim.Once(1, sim.Config{Rules: c.rules}, func(w *sim.World) error {
			m = newMesh(w, 2, s/3)
			var undo func()
			w.At(s, func() { undo = sim.Crashes().Do(m.hosts) })
			w.At(6*s, func() { undo() })
			if c.at != nil {
				c.at(w, m.hosts[0])
			}
			return m.last(w, 20*s)
		})
		var begun []time.Duration
		for _, b := range m.begun[0] {
			begun = append(begun, time.Duration(b))
		}
		if err != nil || !slices.Equal(begun, append([]time.Duration{0}, c.want...)) {
			t.Errorf("%s: it begins at %v, want %v; %v", what, begun, c.want, err)
		}
	}
}
