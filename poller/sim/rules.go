package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/pike/poller"
)

// A Rule makes a fault strike where and when it says, whatever the
// probabilities are:
//
//	sim.Rule{Fault: sim.Reset, To: "srv", Port: 7000, Nth: 3, After: 1 << 10}
//
// resets the third connection to port 7000 of srv after its first KiB, and
//
//	sim.Rule{Fault: sim.Partition, From: "a", To: "b", At: time.Second, For: time.Minute}
//
// separates two hosts for a minute. Zero fields match everything.
type Rule struct {
	Fault Fault

	// From is the host that dials or sends. To is the host that listens or receives, and
	// Port is a port of To. For a fault that concerns one host, To is that host. A world fails
	// if a rule names a host that is not there when Run ends.
	From, To string
	Port     uint16

	// Nth is which of the matching occasions the fault strikes, from 1. 0 is every one. For
	// Reset and Stall the occasions are connections and not segments. They strike each
	// connection once.
	Nth int

	// After is how many bytes a connection carries before Reset or Stall strikes it,
	// both directions together.
	After int64

	// At is a time before which the fault does not strike. Partition and Crash without
	// Nth strike once, at that time.
	At time.Duration

	// For is how long Stall, LateWindow, Pause, SlowJob, Partition and Crash last. With 0
	// the seed decides, and Host.Restart for a Crash without Nth.
	For time.Duration
}

// String is the rule as a Go literal.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sim.Rule{Fault: sim.%s", r.Fault.identifier())
	field := func(is bool, name string, v any) {
		if is {
			fmt.Fprintf(&b, ", %s: %#v", name, v)
		}
	}
	field(r.From != "", "From", r.From)
	field(r.To != "", "To", r.To)
	field(r.Port != 0, "Port", int(r.Port))
	field(r.Nth != 0, "Nth", r.Nth)
	field(r.After != 0, "After", int(r.After))
	field(r.At != 0, "At", int64(r.At))
	field(r.For != 0, "For", int64(r.For))
	b.WriteByte('}')
	return b.String()
}

// A rule is a Rule in a world.
type rule struct {
	Rule
	seen int    // occasions that matched
	hits uint64 // of these, those it struck
}

// timed reports whether the rule waits for a time instead of an occasion.
func (r *rule) timed() bool {
	return r.Nth == 0 && (r.Fault == Partition || r.Fault == Crash)
}

// perConnection reports whether the rule is tied to a connection when that is
// made, instead of looking at each occasion.
func (r *rule) perConnection() bool { return r.Fault == Reset || r.Fault == Stall }

func (r *rule) matches(now poller.Time, from, to *machine, port uint16) bool {
	if r.From != "" && !from.called(r.From) || r.To != "" && !to.called(r.To) || r.Port != 0 && r.Port != port {
		return false
	}
	return r.perConnection() || now >= poller.Time(r.At)
}

// counts reports whether this occasion, which matches, is the one.
func (r *rule) counts() bool {
	r.seen++
	if r.Nth != 0 && r.seen != r.Nth {
		return false
	}
	r.hits++
	return true
}

// arm puts the rules where they will be looked for.
func (w *World) arm(rules []Rule) {
	w.rules = make([]rule, len(rules))
	for i := range rules {
		r := &w.rules[i]
		r.Rule = rules[i]
		switch {
		case r.Fault == noFault:
		case int(r.Fault) >= NumFaults:
			panic("sim: a Rule has no fault")
		case r.Nth < 0 || r.After < 0 || r.At < 0 || r.For < 0:
			panic(fmt.Sprintf("sim: a Rule has a negative number: %v", r.Rule))
		case r.timed():
			w.At(r.At, func() { w.strikeAtTime(r) })
		default:
			w.ruled[r.Fault] = append(w.ruled[r.Fault], r)
		}
	}
}

// unmet is what is wrong with a rule that could not strike anybody.
func (w *World) unmet() error {
	for i := range w.rules {
		r := &w.rules[i]
		for _, name := range [...]string{r.From, r.To} {
			if r.Fault != noFault && name != "" && w.Lookup(name) == nil {
				return fmt.Errorf("sim: the world has no host %q, which Config.Rules[%d] names: %v", name, i, r.Rule)
			}
		}
	}
	if s := w.cfg.spare; s != nil {
		for _, name := range slices.Sorted(maps.Keys(s.sets)) {
			_, isFault := faultNamed(name)
			if !isFault && !slices.ContainsFunc(w.foes, func(f *foe) bool { return f.Name == name }) {
				return fmt.Errorf("sim: the world has neither a fault nor an act %q, which %s names", name, EnvSeed)
			}
		}
	}
	return nil
}

// strikeAtTime carries out a timed rule.
func (w *World) strikeAtTime(r *rule) {
	if w.calm {
		return
	}
	for _, m := range w.machines {
		if r.To != "" && !m.called(r.To) {
			continue
		}
		if r.Fault == Crash {
			w.hits[Crash]++
			r.hits++
			m.first.loses(poller.Time(r.For))
			continue
		}
		for _, o := range w.machines {
			if o != m && (r.From == "" || o.called(r.From)) {
				w.hits[Partition]++
				r.hits++
				span := poller.Time(r.For)
				if span == 0 {
					span = w.span(Partition)
				}
				w.cut(o, m, w.now.Add(time.Duration(span)))
			}
		}
	}
}

// strikes decides whether f strikes now. h is the host that notices. a is what the trace says
// f has struck.
func (h *Host) strikes(f Fault, from, to *machine, port uint16, a *poller.Addr) bool {
	w := h.w
	if w.rates[f] == 0 && w.ruled[f] == nil {
		return false
	}
	if !w.decide(f, from, to, port) {
		return false
	}
	h.struck(f, a)
	return true
}

// struck counts and records that f has struck.
func (h *Host) struck(f Fault, a *poller.Addr) {
	w := h.w
	w.hits[f]++
	if spans[f].hi == 0 || w.trace.out == nil {
		h.note(vFault, 0, a, int64(f), eOK)
		return
	}
	h.record(vFault, 0, int64(f), eOK) // told by span
	w.blow = blow{h: h}
	if a != nil {
		w.blow.addr = *a
	}
	w.blow.nth, w.trace.nth = w.trace.nth, 0
}

func (w *World) decide(f Fault, from, to *machine, port uint16) (strikes bool) {
	w.by, w.trace.nth = nil, 0
	for _, r := range w.ruled[f] {
		if !r.perConnection() && r.matches(w.now, from, to, port) && r.counts() {
			w.by, strikes = r, true
		}
	}
	if strikes {
		return true
	}
	if w.rates[f] == 0 || f >= Stall && f != Crash && from == to {
		return false
	}
	return w.dice.chance(die(f), w.rates[f]) && w.strikesByChance(f)
}

// spans are how long faults last, where they do.
var spans = [NumFaults]struct{ lo, hi poller.Time }{
	LateSent:   {1 * microsecond, 100 * microsecond},
	LateClose:  {1 * microsecond, 2 * millisecond},
	SlowJob:    {10 * millisecond, 1000 * millisecond},
	Pause:      {10 * millisecond, 500 * millisecond},
	Stall:      {200 * millisecond, 3000 * millisecond},
	LateWindow: {200 * millisecond, 3000 * millisecond},
	Reorder:    {1 * millisecond, 20 * millisecond},
	Duplicate:  {0, 20 * millisecond},
	Partition:  {50 * millisecond, 5000 * millisecond},
	Crash:      {10 * millisecond, 10_000 * millisecond},
}

const (
	microsecond = poller.Time(time.Microsecond)
	millisecond = poller.Time(time.Millisecond)
	second      = poller.Time(time.Second)
)

// span is how long the fault that has just struck lasts.
func (w *World) span(f Fault) poller.Time {
	var span poller.Time
	if w.by != nil && w.by.Fault == f && w.by.For > 0 {
		span = poller.Time(w.by.For)
	} else {
		span = w.dice.between(die(f), spans[f].lo, spans[f].hi)
	}
	w.tellBlow(f, span)
	return span
}

// fate ties the rules for connections to one that is being made.
func (w *World) fate(c *conn) {
	for _, f := range [...]Fault{Reset, Stall} {
		for _, r := range w.ruled[f] {
			if r.matches(w.now, c.ends[0].h.m, c.ends[1].h.m, c.port) {
				if r.seen++; r.Nth == 0 || r.seen == r.Nth {
					c.rules = append(c.rules, r)
				}
			}
		}
	}
}

// doomed reports whether a rule resets the connection now.
func (c *conn) doomed() bool { return c.rules != nil && c.strikes(Reset) }

// stalled reports whether a rule holds its next segment up.
func (c *conn) stalled() bool { return c.rules != nil && c.strikes(Stall) }

func (c *conn) strikes(f Fault) bool {
	if c.w.calm {
		return false
	}
	for i, r := range c.rules {
		if r.Fault == f && c.carried >= r.After && c.w.now >= poller.Time(r.At) {
			c.rules = slices.Delete(c.rules, i, i+1)
			r.hits++
			c.w.by, c.w.trace.nth = r, 0
			c.ends[0].h.struck(f, &c.ends[0].peer)
			return true
		}
	}
	return false
}

// limit cuts a segment of n bytes where a rule is to strike.
func (c *conn) limit(n int) int {
	for _, r := range c.rules {
		if left := r.After - c.carried; left > 0 {
			n = int(min(int64(n), left))
		}
	}
	return n
}
