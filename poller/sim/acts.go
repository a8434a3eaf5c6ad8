package sim

import (
	"time"

	"example.com/pike/poller"
)

// What the ready-made acts are like until a test changes it.
const (
	actEvery = 20 * time.Second
	actFor   = 5 * time.Second
	actDrag  = 250 * time.Millisecond
)

func act(name string, do func(hosts []*Host) (undo func())) Act {
	return Act{Name: name, Every: actEvery, For: actFor, Do: do}
}

// Halves parts the hosts into two halves. Of an odd number one half has one more.
func Halves() Act {
	return act("halves", func(hosts []*Host) func() {
		half := len(hosts) / 2
		return parted(hosts, func(i, j int) bool { return (i < half) == (j < half) })
	})
}

// OneAlone parts one host from all others.
func OneAlone() Act {
	return act("one-alone", func(hosts []*Host) func() {
		return parted(hosts, func(i, j int) bool { return i > 0 && j > 0 })
	})
}

// Bridge parts the hosts into two halves that only one host can reach, which belongs to neither.
func Bridge() Act {
	return act("bridge", func(hosts []*Host) func() {
		half := (len(hosts) - 1) / 2
		return parted(hosts, func(i, j int) bool { return i == 0 || j == 0 || (i <= half) == (j <= half) })
	})
}

// Ring leaves each host only its two neighbours. With three hosts or fewer it parts nobody.
func Ring() Act {
	return act("ring", func(hosts []*Host) func() {
		n := len(hosts)
		return parted(hosts, func(i, j int) bool { return (i+1)%n == j || (j+1)%n == i })
	})
}

// OneWay drops what one host sends to the others, and lets through what they send to it.
func OneWay() Act {
	return act("one-way", func(hosts []*Host) func() {
		var undo []func()
		for _, h := range hosts[1:] {
			undo = append(undo, hosts[0].m.part(h.m, false))
		}
		return all(undo)
	})
}

// Swizzle parts a half of the hosts from all others, one host after another, and heals them one by one in another order.
// Systems that survive each cut alone often do not survive the orders of many.
func Swizzle() Act {
	return act("swizzle", func(hosts []*Host) func() {
		if len(hosts) < 2 {
			return nil
		}
		w := hosts[0].w
		victims := hosts[:len(hosts)/2]
		span := time.Duration(w.actSpan)
		step := span / 4 / time.Duration(len(victims))
		over, heals := false, make([]func(), len(victims))
		for i, v := range victims {
			w.At(time.Duration(i)*step, func() {
				if !over {
					heals[i] = v.alone()
				}
			})
			// Those that were cut last but every second one heal first: the other way round would be a stack.
			k := (2*i + 1) % (len(victims) | 1)
			w.At(span/2+time.Duration(k+1)*step, func() { heal(heals, i) })
		}
		return func() {
			over = true
			for i := range heals {
				heal(heals, i)
			}
		}
	})
}

// Crashes takes the power from one of the hosts that restart.
func Crashes() Act {
	return act("crashes", func(hosts []*Host) func() {
		for _, h := range hosts {
			if m := h.m; m.restart() > 0 {
				m.hold()
				return m.release
			}
		}
		return nil
	})
}

// Pauses keeps the first process of one host from running.
func Pauses() Act {
	return act("pauses", func(hosts []*Host) func() {
		h := hosts[0]
		life := h.life
		h.stopped.acts++
		h.note(vPaused, 0, nil, 0, eOK)
		return func() {
			if h.life == life { // or else it is another process by now
				h.stopped.acts--
				h.goOn()
			}
		}
	})
}

// SlowLinks adds 250 ms each way to what one host sends and receives.
func SlowLinks() Act {
	return act("slow-links", func(hosts []*Host) func() {
		var undo []func()
		for _, h := range hosts[1:] {
			undo = append(undo, slowed(hosts[0].m, h.m, poller.Time(actDrag)))
		}
		return all(undo)
	})
}

// parted cuts what is between the hosts that do not stay together.
func parted(hosts []*Host, together func(i, j int) bool) (undo func()) {
	var heals []func()
	for i := range hosts {
		for j := range i {
			if !together(i, j) {
				heals = append(heals, hosts[j].m.part(hosts[i].m, true))
			}
		}
	}
	return all(heals)
}

// part cuts what m sends to another, and what that sends if both, until heal is called.
func (m *machine) part(to *machine, both bool) (heal func()) {
	l := m.link(to)
	l.held++
	v := vCutOneWay
	if both {
		l.back.held++
		v = vCut
	}
	m.tellOf(v, to)
	m.w.doubt(m, to, poller.Never)
	return func() {
		l.held--
		if both {
			l.back.held--
		}
		l.tellEnds(true, both)
	}
}

// alone parts a host from all others.
func (h *Host) alone() (heal func()) {
	var heals []func()
	for _, m := range h.w.machines {
		if m != h.m {
			heals = append(heals, h.m.part(m, true))
		}
	}
	return all(heals)
}

func slowed(a, b *machine, by poller.Time) (undo func()) {
	drag := func(by poller.Time, text string) {
		l := a.link(b)
		l.drag += by
		l.back.drag += by
		to, n := label(text + b.name)
		a.first.note(vSlow, 0, to, n, eOK)
	}
	drag(by, "is slowed down by "+clock(by)+" to and from ")
	return func() { drag(-by, "is no longer slowed down to and from ") }
}

func all(fs []func()) func() {
	return func() {
		for _, f := range fs {
			f()
		}
	}
}

// heal calls one of heals, once.
func heal(heals []func(), i int) {
	if f := heals[i]; f != nil {
		heals[i] = nil
		f()
	}
}
