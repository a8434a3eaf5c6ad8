package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A count is instructions by function, of pike's own functions.
type count map[string]float64

// parse reads what callgrind has written: its manual, "Callgrind Format Specification". A line "fn=(7) name" begins the
// lines of a function, where (7) stands for the name from then on. Each of those is a position and a cost, but for the one
// after a line "calls=", whose cost is what was called.
func parse(r io.Reader) (count, error) {
	c, names, function, called := count{}, map[string]string{}, "", false
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "fn="):
			id, name, full := strings.Cut(line[len("fn="):], " ")
			if full {
				names[id] = name
			}
			function = names[id]
		case strings.HasPrefix(line, "cfn="): // it may be where a name stands first
			if id, name, full := strings.Cut(line[len("cfn="):], " "); full {
				names[id] = name
			}
		case strings.HasPrefix(line, "calls="):
			called = true
		case line != "" && strings.ContainsRune("0123456789+-*", rune(line[0])):
			if called {
				called = false
				continue
			}
			if !own(function) {
				continue
			}
			_, cost, _ := strings.Cut(line, " ")
			n, err := strconv.ParseFloat(cost, 64)
			if err != nil {
				return nil, fmt.Errorf("a line of costs: %q", line)
			}
			c[function] += n
		}
	}
	return c, lines.Err()
}

// own reports whether a function is pike's, and not of a test. Callgrind marks a recursion by 'N.
func own(function string) bool {
	return strings.HasPrefix(function, "example.com/pike/") && !strings.Contains(function, "_test.") &&
		!strings.Contains(function, ".Benchmark")
}

// minus is one of the rounds that c has more than d. What is executed less than once in ten rounds is left out: it is of
// the beginning and the end, and differs from run to run.
func (c count) minus(d count, rounds int) (count, error) {
	of := count{}
	for f, n := range c {
		if n = (n - d[f]) / float64(rounds); n >= 0.1 {
			of[f] = n
		}
	}
	if len(of) == 0 {
		return nil, errors.New("no function of pike has run")
	}
	return of, nil
}

func (c count) sum() (n float64) {
	for _, cost := range c {
		n += cost
	}
	return n
}
