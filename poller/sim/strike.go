package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A strike is one time that a fault has struck by chance, or that an act was done: the nth of its name.
type strike struct {
	name string
	n    int
}

// spare says what is left out of a world, and has it remember what is not.
type spare struct {
	words []string           // what Without was asked for
	off   Faults             // not 0: the fault does not strike by chance, also not by World.SetFaults
	sets  map[string]numbers // by the names of faults and acts
	log   *[]strike          // where to write what strikes; may be nil
	total *map[string]int    // how many of each name there were, with those that were spared
}

// numbers are the strikes of one name that are left out, or, with only, the ones that are not.
type numbers struct {
	only   bool
	ranges [][2]int // from and to
}

func (s numbers) spares(n int) bool {
	in := slices.ContainsFunc(s.ranges, func(r [2]int) bool { return r[0] <= n && n <= r[1] })
	return in != s.only
}

// forever is the end of a range that has none.
const forever = 1<<31 - 1

// parseNumbers reads "3,5-9,20-".
func parseNumbers(text string) (ranges [][2]int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		r := [2]int{0, forever}
		if r[0], err = strconv.Atoi(from); err == nil && to != "" {
			r[1], err = strconv.Atoi(to)
		}
		if !isRange {
			r[1] = r[0]
		}
		if err != nil || r[0] < 1 || r[1] < r[0] {
			return nil, fmt.Errorf("no numbers %q", text)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// rangesOf are sorted numbers as ranges.
func rangesOf(ns []int) (ranges [][2]int) {
	for _, n := range ns {
		if last := len(ranges) - 1; last >= 0 && ranges[last][1] == n-1 {
			ranges[last][1] = n
		} else {
			ranges = append(ranges, [2]int{n, n})
		}
	}
	return ranges
}

func rangesText(ranges [][2]int) string {
	var parts []string
	for _, r := range ranges {
		switch {
		case r[0] == r[1]:
			parts = append(parts, strconv.Itoa(r[0]))
		case r[1] == forever:
			parts = append(parts, fmt.Sprintf("%d-", r[0]))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", r[0], r[1]))
		}
	}
	return strings.Join(parts, ",")
}

// changed is c with a copy of what is left out, for its owner to change.
func (c Config) changed() Config {
	s := new(spare)
	if c.spare != nil {
		*s = *c.spare
	}
	sets := map[string]numbers{}
	for name, set := range s.sets {
		sets[name] = set
	}
	s.sets = sets
	c.spare = s
	return c
}

// withoutStrikes is c with some strikes left out: "-crash#3" or "-crash#1-20,34", and "crash#3" leaves out all but one.
func (c Config) withoutStrikes(word string) (Config, error) {
	name, text, _ := strings.Cut(word, "#")
	set := numbers{only: true}
	if rest, minus := strings.CutPrefix(name, "-"); minus {
		name, set.only = rest, false
	}
	ranges, err := parseNumbers(text)
	if err != nil || name == "" {
		return c, fmt.Errorf("no strikes %q: %v", word, err)
	}
	set.ranges = ranges
	c = c.changed()
	c.spare.sets[name] = set
	return c, nil
}

// masked is f without the faults that are left out.
func (c *Config) masked(f Faults) Faults {
	if c.spare != nil {
		for i, off := range c.spare.off {
			if off != 0 {
				f[i] = 0
			}
		}
	}
	return f
}

// spared reports whether the nth of a name is left out.
func (w *World) spared(name string, n int) bool {
	s := w.cfg.spare
	if s == nil {
		return false
	}
	if s.total != nil {
		(*s.total)[name] = n
	}
	if set, ok := s.sets[name]; ok && set.spares(n) {
		return true
	}
	if s.log != nil {
		*s.log = append(*s.log, strike{name, n})
	}
	return false
}

// strikesByChance is for a fault that strikes, because its die says so: does it, or is this strike left out? Then what it would have
// drawn is drawn, so that others of the fault are what they were.
func (w *World) strikesByChance(f Fault) bool {
	w.nth[f]++
	if !w.spared(f.String(), w.nth[f]) {
		w.trace.nth = w.nth[f]
		return true
	}
	d := &w.dice[die(f)]
	switch {
	case spans[f].hi > 0, f == ShortSend, f == SplitRead:
		d.Uint64()
	case f == SmallBuffer:
		d.Uint64()
		d.Uint64()
	}
	return false
}
