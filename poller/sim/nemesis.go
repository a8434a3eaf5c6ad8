package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"example.com/pike/poller"
)

// An Act is something that is done to a world again and again, as a nemesis would: it begins, lasts for a while, and is
// undone. Halves, OneAlone, Bridge, Ring, OneWay, Swizzle, Crashes, Pauses and SlowLinks are ready-made ones, whose
// fields a test may change:
//
//	cut := sim.Halves()
//	cut.Hosts = []string{"r1", "r2", "r3"} // the replicas, and not their clients
//	w.Nemesis(cut, sim.Crashes())
type Act struct {
	// Name stands for the act in the trace and in the command that replays a world, as in "halves#2". It has no
	// blank, no '#', '=', ':', ',', and is no fault's.
	Name string

	// Every is how long after its end the act begins again, For is how long it lasts. The seed decides: both are
	// drawn from a half to one and a half of this.
	Every, For time.Duration

	// Hosts are those that the act is given; none means every host of the world.
	Hosts []string

	// Do begins the act and returns what ends it, which may be nil. The seed decides the order of hosts, so that Do
	// need not draw: the first may be the victim. There is one Host for each machine. Do runs as what World.At runs.
	Do func(hosts []*Host) (undo func())
}

// A foe is an Act of a world.
type foe struct {
	Act
	w    *World
	dice rand.PCG // when, and for how long
	n    int      // how often it has begun
	last bool     // it lasts
	undo func()
}

// Nemesis has acts happen from now on, independently of each other. It panics if two have one name. An act that is to
// come keeps no world from a deadlock, and Calm ends them all.
func (w *World) Nemesis(acts ...Act) {
	w.enter()
	for _, a := range acts {
		switch _, isFault := faultNamed(a.Name); {
		case a.Name == "" || isFault || strings.ContainsAny(a.Name, " \t\n#=:,") || strings.HasPrefix(a.Name, "-"):
			panic(fmt.Sprintf("sim: an act cannot be called %q", a.Name))
		case a.Do == nil || a.Every <= 0 || a.For < 0:
			panic("sim: the act " + a.Name + " has no Do or no Every")
		}
		for _, f := range w.foes {
			if f.Name == a.Name {
				panic("sim: two acts are called " + a.Name)
			}
		}
		f := &foe{Act: a, w: w}
		f.dice.Seed(w.seed, named(a.Name))
		w.foes = append(w.foes, f)
		f.comes()
	}
}

// named is the stream of random numbers of a name.
func named(name string) uint64 { return mix(mixBytes(fnvOffset, []byte(name)), uint64(len(name))) }

// RandOf is a generator for programs and tests to draw from, made from the seed and a name. It is the same one for a
// name each time. With one for each program, what one draws does not depend on what another does, and a failure stays
// when the world is made smaller.
func (w *World) RandOf(name string) *rand.Rand {
	w.enter()
	r := w.rands[name]
	if r == nil {
		if w.rands == nil {
			w.rands = map[string]*rand.Rand{}
		}
		r = rand.New(rand.NewPCG(w.seed, ^named(name)))
		w.rands[name] = r
	}
	return r
}

// around draws from a half to one and a half of d.
func (f *foe) around(d time.Duration) poller.Time {
	return poller.Time(d/2) + below(&f.dice, poller.Time(d)+1)
}

func (f *foe) comes() { f.w.pushStill(f.w.now+f.around(f.Every), evAct, f, 0) }

// happen is the beginning of the act. What it draws does not depend on whether it is left out.
func (f *foe) happen(kind, int64) {
	w := f.w
	if w.calm {
		return
	}
	f.n++
	n, span := f.n, f.around(f.For)
	hosts := f.chosen()
	if len(hosts) == 0 || w.spared(f.Name, n) {
		w.pushStill(w.now+span+f.around(f.Every), evAct, f, 0)
		return
	}
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	w.noteOf(vAct, fmt.Sprintf("! %s#%d for %s: %s", f.Name, n, clock(span), strings.Join(names, " ")))
	w.actSpan = span
	w.actDice.Seed(w.seed+uint64(n)*0xD1B54A32D192ED03, ^named(f.Name))
	f.undo, f.last = f.Do(hosts), true
	w.queue.push(w.now+span, evCall, call(func() { f.ends(n) }), 0)
}

// ends is the end of the act that was the nth.
func (f *foe) ends(n int) {
	if !f.last || f.n != n {
		return
	}
	f.last = false
	f.w.noteOf(vActEnds, fmt.Sprintf("%s#%d ends", f.Name, n))
	if undo := f.undo; undo != nil {
		f.undo = nil
		undo()
	}
	if !f.w.calm {
		f.comes()
	}
}

// chosen are the hosts of the act, in an order that the seed, the name and the number of the act decide.
func (f *foe) chosen() (hosts []*Host) {
	for _, m := range f.w.machines {
		if len(f.Hosts) == 0 {
			hosts = append(hosts, m.first)
		}
	}
	for _, name := range f.Hosts {
		h := f.w.Lookup(name)
		if h == nil {
			panic(fmt.Sprintf("sim: the act %s names the host %s, which is not there", f.Name, name))
		}
		hosts = append(hosts, h)
	}
	var order rand.PCG
	order.Seed(f.w.seed+uint64(f.n)*0x9E3779B97F4A7C15, named(f.Name))
	for i := len(hosts) - 1; i > 0; i-- {
		j := below(&order, poller.Time(i)+1)
		hosts[i], hosts[j] = hosts[j], hosts[i]
	}
	return hosts
}

// SetFaults gives each fault another probability from now on. What has struck already lasts as long as it was to.
// With None and after a while a program has to be well, which a test can ask for. See Calm.
func (w *World) SetFaults(f Faults) {
	w.enter()
	w.rates = w.cfg.masked(f)
}

// Calm ends what goes wrong: no fault strikes any more, also not by a Rule, no act of Nemesis begins, those that last are
// undone, cuts heal, and a machine whose power was to come back has it. What a test has ended for good stays so.
// It begins the quiet end of a world, in which programs must get done what they promise:
//
//	w.At(time.Minute, func() {
//		w.Calm()
//		w.At(30*time.Second, func() { check that all clients have finished })
//	})
//
// Call it from World.At.
func (w *World) Calm() {
	w.enter()
	w.calm = true
	w.rates, w.ruled = Faults{}, [NumFaults][]*rule{}
	for _, f := range w.foes {
		f.ends(f.n)
	}
	for _, m := range w.machines {
		for _, l := range m.links {
			if l != nil && l.from.id < l.to.id {
				there, back := !l.up(), !l.back.up()
				l.cutUntil, l.back.cutUntil = 0, 0
				l.tellEnds(there, back)
			}
		}
		if m.off && m.offUntil != poller.Never {
			m.powerOn()
		}
	}
}

// noteOf records and tells what concerns no host alone.
func (w *World) noteOf(v verb, text string) {
	to, n := label(text)
	t := &w.trace
	t.hash = mix(mix(mix(t.hash, uint64(w.now)), uint64(v)|0xffff<<16), uint64(n))
	t.records++
	if t.out != nil {
		t.tell(w.now, worldName, v, to, n, eOK)
	}
}
