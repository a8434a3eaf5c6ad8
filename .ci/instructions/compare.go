package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// mayGrow is by how much a work may grow: what differs from run to run is less.
const mayGrow = 0.03

// counts are those of all works, in order.
type counts struct {
	made  string // by which version of Go, and for which processor
	names []string
	of    map[string]count
}

func (s *counts) add(name string, c count) {
	s.names = append(s.names, name)
	s.of[name] = c
}

// small is the share of a work below which the baseline does not name a function: it would be long, and change with everything.
const small = 0.01

// text is a line for each work, with its sum, and below it one for each of its large functions, and one for all others.
func (s *counts) text() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, s.made)
	for _, name := range s.names {
		c := s.of[name]
		fmt.Fprintf(&b, "%s: %.1f\n", name, c.sum())
		rest := c.sum()
		for _, f := range c.largest(func(f string) float64 { return c[f] - small*c.sum() }) {
			fmt.Fprintf(&b, "\t%.1f %s\n", c[f], f)
			rest -= c[f]
		}
		if rest > 0.05 {
			fmt.Fprintf(&b, "\t%.1f others\n", rest)
		}
	}
	return b.Bytes()
}

// largest are the functions of c for which by is positive, the largest first.
func (c count) largest(by func(string) float64) []string {
	var list []string
	for f := range c {
		if by(f) > 0 {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(f, g string) int { return cmp.Or(cmp.Compare(by(g), by(f)), strings.Compare(f, g)) })
	return list
}

func readCounts(file string) (counts, error) {
	p, err := os.ReadFile(file)
	if err != nil {
		return counts{}, err
	}
	made, rest, _ := strings.Cut(string(p), "\n")
	s := counts{made: made, of: map[string]count{}}
	var c count
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "\t") {
			name, _, _ := strings.Cut(line, ": ")
			c = count{}
			s.add(name, c)
			continue
		}
		var n float64
		var f string
		if _, err := fmt.Sscan(line, &n, &f); err != nil || c == nil {
			return s, fmt.Errorf("%s: %q: %v", file, line, err)
		}
		c[f] = n
	}
	return s, nil
}

// compare says how now differs from old, and whether a work has grown by more than it may.
func compare(old, now counts) (text string, grown bool) {
	var b strings.Builder
	if old.made != now.made {
		fmt.Fprintf(&b, "the baseline is of %s, and this is %s: nothing is compared\n", old.made, now.made)
		return b.String(), false
	}
	for _, name := range now.names {
		was, is := old.of[name], now.of[name]
		if was == nil {
			fmt.Fprintf(&b, "%-24s %9.1f, new\n", name, is.sum())
			continue
		}
		ratio := is.sum() / was.sum()
		fmt.Fprintf(&b, "%-24s %9.1f, %.3f of before\n", name, is.sum(), ratio)
		if ratio <= 1+mayGrow {
			continue
		}
		grown = true
		more := func(f string) float64 { return is[f] - was[f] }
		list := is.largest(more)
		for _, f := range list[:min(len(list), 5)] {
			fmt.Fprintf(&b, "\t%+.1f %s\n", more(f), f)
		}
	}
	return b.String(), grown
}
