package conformance

import (
	"errors"
	"fmt"
	"net"
	"sort"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/timer"
)

// A line is one behaviour of the list.
type line struct {
	id   string // "S26"
	name string // "reset_is_not_EOF"
	needs
	skip string // why it cannot apply at all
	run  func(e *env)
}

// needs is what a line cannot do without.
type needs uint8

const (
	// realSystem: descriptors of its own, other goroutines, or processes, none
	// of which a simulated network has.
	realSystem needs = 1 << iota
	// realTime: it blocks the loop on purpose, or compares with the wall clock.
	realTime
)

// lines is filled by the files of this package, one for each section.
var lines []line

func add(ls ...line) struct{} {
	lines = append(lines, ls...)
	return struct{}{}
}

// A backend is one kind of poller the lines run on.
type backend struct {
	name   string
	sim    bool
	open   func(t testing.TB) poller.Poller
	replay string // the environment that has it among the backends
}

func allBackends(t *testing.T) []backend {
	var bs []backend
	for _, name := range system.Backends() {
		bs = append(bs, backend{name: name, open: func(t testing.TB) poller.Poller {
			p, err := system.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}})
	}
	return append(bs, simBackends(t)...)
}

func TestConformance(t *testing.T) {
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].id[0] < lines[j].id[0] })
	backends := allBackends(t)
	for _, l := range lines {
		t.Run(l.id+"_"+strings.ReplaceAll(l.name, " ", "_"), func(t *testing.T) {
			if l.skip != "" {
				t.Skip(l.id + " cannot apply: " + l.skip)
			}
			for _, b := range backends {
				t.Run(b.name, func(t *testing.T) { runOn(t, l, b) })
			}
		})
	}
}

func runOn(t *testing.T, l line, b backend) {
	if b.sim && l.needs != 0 {
		t.Skipf("%s needs the real system: it cannot be asked of a simulated one", l.id)
	}
	if b.sim {
		t.Parallel() // a world knows of no other
	}
	if b.replay != "" {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("replay: %s go test -run 'TestConformance/%s_' ./conformance", b.replay, l.id)
			}
		})
	}
	l.run(&env{T: t, backend: b})
}

// An env is what a line runs in. The first loop it asks for is closed, and
// checked, when the test ends.
type env struct {
	*testing.T
	backend backend
}

// patience bounds every wait of a test, on the loop's clock. Nothing is expected
// to take so long, on however busy a machine.
const patience = 60 * time.Second

// loop returns a new loop on the backend. A test that hangs is ended by the
// loop's own clock: run fails it.
func (e *env) loop(o ...loop.Options) *loop.Loop {
	e.Helper()
	var opts loop.Options
	if len(o) > 0 {
		opts = o[0]
	}
	opts.Poller = e.backend.open(e)
	lp, err := loop.New(opts)
	e.no(err)
	e.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			e.Errorf("closing the loop: %v", err)
		}
	})
	return lp
}

// run runs lp until it ends by itself, or fails the test.
func (e *env) run(lp *loop.Loop) {
	e.Helper()
	defer e.guard(lp)()
	e.no(lp.Run())
}

// guard bounds what follows on lp, until its result is called.
func (e *env) guard(lp *loop.Loop) (passed func()) {
	e.Helper()
	late := false
	guard, err := timer.After(lp, patience, func() { late = true; lp.Stop() })
	e.no(err)
	guard.Unref()
	return func() {
		e.Helper()
		guard.Stop() // leaves nothing behind that Alive would count
		if late {
			var left []string
			lp.Walk(func(h loop.Handle) { left = append(left, fmt.Sprintf("%T", h)) })
			e.Fatalf("the loop still ran after %v; handles left: %v", patience, left)
		}
	}
}

// no fails the test on an error.
func (e *env) no(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// is fails the test unless err is want, in the sense of errors.Is.
func (e *env) is(err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("error %v, want %v", err, want)
	}
}

// equal fails the test unless got is want.
func (e *env) equal(what string, got, want any) {
	e.Helper()
	if got != want {
		e.Fatalf("%s: %v, want %v", what, got, want)
	}
}
