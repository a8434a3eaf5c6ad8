// Testlog reads what go test -json prints and writes it for people: the packages as go test does, the whole output of
// each test that failed, every skip with its reason, the names of what failed, and last a line "N passed, N failed,
// N skipped" that counts tests and sub-tests. It exits with 1 if anything failed. With the name of a file it writes there a
// line for each test that can be run again by itself, its package and its name, and for each package that cannot, because it
// did not build or its process died, the package alone.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// An event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// A report is what has been read so far.
type report struct {
	out                     io.Writer
	open                    map[[2]string][]string // output of the tests that run, by package and test
	skips                   []string
	passed, failed, skipped int
	broken                  map[string]int // failed tests by package
	failures                [][2]string    // the tests that failed, by package and test; no test is the package as a whole
}

func main() {
	r := report{out: os.Stdout, open: map[[2]string][]string{}, broken: map[string]int{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	r.finish()
	if len(os.Args) > 1 {
		if err := os.WriteFile(os.Args[1], r.again(), 0o666); err != nil {
			fmt.Fprintln(os.Stderr, "testlog:", err)
			os.Exit(2)
		}
	}
	if r.failed > 0 {
		os.Exit(1)
	}
}

// read takes every line. What is no event, such as a message of the go command itself, is shown as it is.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		var e event
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
			r.add(e)
		} else {
			fmt.Fprint(r.out, line)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (r *report) add(e event) {
	if e.Test == "" {
		r.addPackage(e)
		return
	}
	test := [2]string{e.Package, e.Test}
	switch e.Action {
	case "run":
		r.open[test] = nil
	case "output":
		r.open[test] = append(r.open[test], e.Output)
	case "pass":
		r.passed++
		delete(r.open, test)
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("skipped %s %s: %s", e.Package, e.Test, reason(r.open[test])))
		delete(r.open, test)
	case "fail":
		r.fail(test)
	}
}

// addPackage takes what is said of a package, and of its build.
func (r *report) addPackage(e event) {
	switch e.Action {
	case "output", "build-output":
		if e.Output != "PASS\n" { // go test says no more than ok, without -v
			fmt.Fprint(r.out, e.Output)
		}
	case "fail":
		// A test that has begun and not ended is what a crash or a timeout hit.
		died := r.unfinished(e.Package)
		for _, test := range died {
			r.fail(test)
		}
		switch {
		case r.broken[e.Package] == 0: // it did not build, or failed outside of any test
			r.failed++
			r.failures = append(r.failures, [2]string{e.Package})
		case len(died) > 0: // the tests after those were not run
			r.failures = append(r.failures, [2]string{e.Package})
		}
	}
}

// fail shows a failed test.
func (r *report) fail(test [2]string) {
	r.failed++
	r.broken[test[0]]++
	r.failures = append(r.failures, test)
	fmt.Fprint(r.out, strings.Join(r.open[test], ""))
	delete(r.open, test)
}

// unfinished lists the tests of a package that never ended.
func (r *report) unfinished(name string) [][2]string {
	var tests [][2]string
	for test := range r.open {
		if test[0] == name {
			tests = append(tests, test)
		}
	}
	slices.SortFunc(tests, func(a, b [2]string) int { return strings.Compare(a[1], b[1]) })
	return tests
}

// reason is what a test said to t.Skip, without its file and line.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			_, text, _ = strings.Cut(text, ": ")
			return text
		}
	}
	return "no reason given"
}

func (r *report) finish() {
	slices.Sort(r.skips)
	for _, line := range r.skips {
		fmt.Fprintln(r.out, line)
	}
	for _, test := range r.failures {
		fmt.Fprintln(r.out, strings.TrimSpace("failed "+test[0]+" "+test[1]))
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// again lists what can be run by itself: a test is, a sub-test is not.
func (r *report) again() []byte {
	var list []byte
	for _, test := range r.failures {
		name, _, _ := strings.Cut(test[1], "/")
		line := strings.TrimSpace(test[0]+" "+name) + "\n"
		if !strings.Contains("\n"+string(list), "\n"+line) {
			list = append(list, line...)
		}
	}
	return list
}
