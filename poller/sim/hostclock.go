package sim

import (
	"fmt"
	"math/bits"
	"time"

	"example.com/pike/poller"
)

// A Clock is how the clock of a machine differs from that of the world.
type Clock struct {
	// Offset is added to the time of day (Host.Time). It does not move the time that loops and timers go by, as a
	// system does not when somebody sets its clock (CLOCK_MONOTONIC, clock_gettime(2)).
	Offset time.Duration

	// RatePPM is by how many millionths the clock goes faster than the world's, or slower: a second of the world is
	// 1.02 s by a clock of 20,000. Loop.Now, timers and the time of day follow it.
	RatePPM int
}

// rateMost is by how much a clock may be wrong.
const rateMost = 500_000

// epoch is the time of day when a world begins.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// A hostClock is the clock of a machine, since it was set.
type hostClock struct {
	Clock
	set, local poller.Time // the world's time and its own when it was set
}

// at is what the clock shows at a time of the world.
func (c *hostClock) at(t poller.Time) poller.Time {
	if c.RatePPM == 0 {
		return c.local + (t - c.set)
	}
	hi, lo := bits.Mul64(uint64(t-c.set), uint64(million+c.RatePPM))
	span, _ := bits.Div64(hi, lo, million)
	return c.local + poller.Time(span)
}

// world is the first time of the world at which the clock shows t or more, not before it was set.
func (c *hostClock) world(t poller.Time) poller.Time {
	switch {
	case t == poller.Never || c.RatePPM == 0 && c.set == c.local:
		return t
	case t <= c.local:
		return c.set
	}
	rate := uint64(million + c.RatePPM)
	hi, lo := bits.Mul64(uint64(t-c.local), million)
	lo, carry := bits.Add64(lo, rate-1, 0)
	if hi += carry; hi >= rate {
		return poller.Never
	}
	span, _ := bits.Div64(hi, lo, rate)
	if span >= uint64(poller.Never-c.set) {
		return poller.Never
	}
	return c.set + poller.Time(span)
}

// SetClock has the clock of the machine of h be wrong from now on: of all its processes. What its system does by time,
// such as to send again, is not concerned. A rate of more than half a second in a second is a panic. ClockJumps and
// ClockDrift are acts of Nemesis that do it.
func (h *Host) SetClock(c Clock) {
	h.w.enter()
	if c.RatePPM < -rateMost || c.RatePPM > rateMost {
		panic(fmt.Sprintf("sim: the clock of %s cannot go wrong by %d millionths", h.m.name, c.RatePPM))
	}
	m := h.m
	m.clock = hostClock{c, h.w.now, m.clock.at(h.w.now)}
	text, n := label(fmt.Sprintf("by %v, at a rate of %+d millionths", c.Offset, c.RatePPM))
	m.first.note(vClock, 0, text, n, eOK)
	for _, p := range m.hosts {
		if p.waiting && p.deadline != poller.Never {
			p.deadline = m.clock.world(p.asked)
			p.alarm()
		}
	}
}

// Clock is how the clock of the machine of h is wrong.
func (h *Host) Clock() Clock { return h.m.clock.Clock }

// Time is the time of day by the clock of the machine of h. A world begins at midnight of 2026-01-01 UTC.
func (h *Host) Time() time.Time {
	return epoch.Add(time.Duration(h.Now()) + h.m.clock.Offset)
}

// What the acts that concern clocks do at most.
const (
	jumpMost  = time.Minute
	driftMost = 20_000 // 2 %
)

// ClockJumps has the time of day of one host jump by a minute at most, forwards or back, and back again in the end.
func ClockJumps() Act {
	return act("clock-jumps", func(hosts []*Host) func() {
		h := hosts[0]
		by := time.Duration(below(&h.w.actDice, poller.Time(2*jumpMost))) - jumpMost
		return h.misclocked(by, 0)
	})
}

// ClockDrift has the clock of each host go faster or slower by 2 % at most, and right again in the end.
func ClockDrift() Act {
	return act("clock-drift", func(hosts []*Host) func() {
		var undo []func()
		for _, h := range hosts {
			undo = append(undo, h.misclocked(0, int(below(&h.w.actDice, 2*driftMost+1))-driftMost))
		}
		return all(undo)
	})
}

// misclocked adds to what is wrong with a clock, within bounds, and returns what takes it away again.
func (h *Host) misclocked(by time.Duration, ppm int) (undo func()) {
	add := func(by time.Duration, ppm int) {
		c := h.Clock()
		c.Offset += by
		c.RatePPM = min(max(c.RatePPM+ppm, -rateMost), rateMost)
		h.SetClock(c)
	}
	add(by, ppm)
	return func() { add(-by, -ppm) }
}
