package loop_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/timer"
)

// A wall clock that jumps moves no timer and no timeout, because nothing above the
// pollers reads one: all take the time from the poller. (What a poller reads is
// tested there.) The simulator waits for goroutines of jobs by it, and nothing else: what it
// needs for that is in a file of its own. So is the watchdog of Options.Slow, which is off there.
func TestNobodyReadsTheWallClock(t *testing.T) {
	needSource(t)
	clock := map[string]bool{"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "NewTimer": true,
		"NewTicker": true, "Tick": true, "Sleep": true}
	looked := 0
	for _, pkg := range []string{"loop", "loop/workers", "tcp", "udp", "timer", "signal", "poller/sim"} {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pkg), "*.go"))
		no(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") ||
				slices.Contains([]string{"../poller/sim/realtime.go", "../loop/slow.go"}, filepath.ToSlash(name)) {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			no(t, err)
			looked++
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && clock[sel.Sel.Name] {
					t.Errorf("%v: time.%s", set.Position(n.Pos()), sel.Sel.Name)
				}
				return true
			})
		}
	}
	if looked < 30 {
		t.Errorf("only %d files were looked at", looked)
	}
}

// needSource skips a test that reads the source where there is but the test's binary.
func needSource(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("loop.go"); err != nil {
		t.Skip("the source is not here: ", err)
	}
}

// A clock that jumps forward, as after a machine has slept where its monotonic
// clock counts that, has each timer fire once, in order and without catching up.
func TestClockThatJumps(t *testing.T) {
	lp, p := newFake(t)
	var fired []string
	_, err := timer.After(lp, time.Second, func() { fired = append(fired, "second") })
	no(t, err)
	_, err = timer.After(lp, time.Minute, func() { fired = append(fired, "minute") })
	no(t, err)
	ticks := 0
	_, err = timer.Every(lp, time.Second, func() { ticks++ })
	no(t, err)
	turnAt := func(at poller.Time) {
		p.now = at
		_, err := lp.RunNoWait()
		no(t, err)
	}
	turnAt(poller.Time(time.Second))
	turnAt(poller.Time(24 * time.Hour))
	equal(t, "fired", strings.Join(fired, " "), "second minute")
	equal(t, "ticks of a day that did not pass", ticks, 1)
	turnAt(poller.Time(24*time.Hour + time.Second))
	equal(t, "ticks", ticks, 2)
}
