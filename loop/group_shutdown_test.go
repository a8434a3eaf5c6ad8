package loop_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// TestGroupShutdown has on loop i a listener, i timers, and 2i ends of connections, of which loop 1 ends its
// own, and loop 2 does not.
func TestGroupShutdown(t *testing.T) {
	h := sim.New(1, sim.Config{}).Host("host") // where the grace is the same on every machine
	g := newGroup(t, loop.GroupOptions{Loops: 3, Loop: loop.Options{Poller: h}})
	var open atomic.Int32
	var r loop.GroupReport
	dones := 0
	err := runGroup(t, g, func(i int, lp *loop.Loop) error {
		opened := func(c *tcp.Conn) {
			c.OnEOF = func(c *tcp.Conn) { c.Close() }
			if open.Add(1) == 2*3 {
				no(t, g.Shutdown(t.Context(), 10*time.Millisecond, func(of loop.GroupReport) { r = of; dones++ }))
				no(t, g.Shutdown(t.Context(), time.Hour, func(loop.GroupReport) { dones++ }))
			}
		}
		for range i {
			_, err := timer.After(lp, time.Hour, func() {})
			no(t, err)
			ln := pair(t, lp, opened, opened)
			ln.OnShutdown = func(c *tcp.Conn) {
				if i == 1 {
					c.Close()
				}
			}
		}
		return nil
	})
	no(t, err)
	equal(t, "dones", dones, 2)
	equal(t, "reports", len(r.Loops), 3)
	for i, want := range []loop.ShutdownReport{{}, {Finished: 2, Closed: 2}, {Cut: 4, Closed: 4, Err: os.ErrDeadlineExceeded}} {
		got := r.Loops[i]
		got.Took = 0
		equal(t, "the report", got, want)
	}
	sum := r.ShutdownReport
	if sum.Took < 10*time.Millisecond || sum.Took > 11*time.Millisecond {
		t.Errorf("it took %v", sum.Took)
	}
	sum.Took = 0
	equal(t, "the sum", sum, loop.ShutdownReport{Finished: 2, Cut: 4, Closed: 6, Err: os.ErrDeadlineExceeded})
}

// TestGroupShutdownBeforeRun begins with Run.
func TestGroupShutdownBeforeRun(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 2})
	var r loop.GroupReport
	no(t, g.Shutdown(t.Context(), -1, func(of loop.GroupReport) { r = of }))
	no(t, runGroup(t, g, forEver))
	equal(t, "timers closed", r.Closed, 2)
	no(t, r.Err)
}

// TestGroupShutdownOfAFailure says of each loop why it has no report.
func TestGroupShutdownOfAFailure(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 2})
	var r loop.GroupReport
	no(t, g.Shutdown(t.Context(), -1, func(of loop.GroupReport) { r = of }))
	err := runGroup(t, g, func(i int, lp *loop.Loop) error { return net.ErrWriteToConnected })
	failedAs(t, err, 0)
	equal(t, "reports", len(r.Loops), 2)
	is(t, r.Err, net.ErrWriteToConnected)
	is(t, r.Loops[1].Err, err)
}

func TestGroupShutdownByContext(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var r loop.GroupReport
	var open atomic.Int32
	err := runGroup(t, g, func(i int, lp *loop.Loop) error {
		opened := func(*tcp.Conn) {
			if open.Add(1) == 4 {
				no(t, g.Shutdown(ctx, -1, func(of loop.GroupReport) { r = of }))
				cancel()
			}
		}
		pair(t, lp, opened, opened)
		return nil
	})
	no(t, err)
	equal(t, "connections cut off", r.Cut, 4)
	is(t, r.Err, context.Canceled)
}

func TestGroupEach(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 3})
	var on [3]int
	each := func(lp *loop.Loop) {
		_, i := lp.Group()
		on[i]++
		no(t, lp.Maker().Check("loop.Group.Each")) // on its own goroutine
	}
	no(t, g.Each(each))
	no(t, g.At(1).Post(func() { no(t, g.Each(each)) }))
	no(t, runGroup(t, g, nil))
	equal(t, "calls", on, [3]int{2, 2, 2})
}

func TestGroupMetrics(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 3, Loop: loop.Options{MeasureIdle: true}})
	stop := make(chan struct{})
	over := make(chan struct{})
	go func() { // from elsewhere, while they run
		defer close(over)
		for {
			select {
			case <-stop:
				return
			default:
				g.Metrics()
			}
		}
	}()
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error {
		for range 10 * (i + 1) {
			_, err := timer.After(lp, 0, func() {})
			no(t, err)
		}
		return nil
	}))
	close(stop)
	<-over
	m := g.Metrics()
	equal(t, "callbacks", m.Callbacks, 60)
	equal(t, "timers that were late, in one histogram", m.Lag.Count, 60)
	var turns, works uint64
	for i := range g.Len() {
		of := g.At(i).Metrics()
		turns, works = turns+of.Turns, works+of.Work.Count
	}
	equal(t, "turns", m.Turns, turns)
	equal(t, "turns in the histogram", m.Work.Count, works)
}

// TestGroupLoopOfAKey holds the hash to what it was: a program that has state on disk by loop finds it again.
func TestGroupLoopOfAKey(t *testing.T) {
	const keys = 20_000
	key := func(i int) string {
		return "user-" + string(rune('a'+i%26)) + strings.Repeat("x", i%3) + time.Duration(i).String()
	}
	four, five := newGroup(t, loop.GroupOptions{Loops: 4}), newGroup(t, loop.GroupOptions{Loops: 5})
	numbers := func(g *loop.Group) (ns []int) {
		for i := range keys {
			_, n := g.Loop(key(i)).Group()
			ns = append(ns, n)
		}
		return ns
	}
	a, again, b := numbers(four), numbers(four), numbers(five)
	var count [4]int
	moved := 0
	for i := range a {
		count[a[i]]++
		switch {
		case a[i] != again[i]:
			t.Fatalf("%q is once of loop %d and once of loop %d", key(i), a[i], again[i])
		case a[i] == b[i]:
		case b[i] != 4:
			t.Fatalf("with a fifth loop %q moves from loop %d to loop %d", key(i), a[i], b[i])
		default:
			moved++
		}
	}
	for i, n := range count { // binomial: 5000 with a deviation of 61
		if n < 4600 || n > 5400 {
			t.Errorf("loop %d of 4 owns %d of %d keys", i, n, keys)
		}
	}
	if moved < 3600 || moved > 4400 { // 4000 and 57
		t.Errorf("%d of %d keys have moved to a fifth loop", moved, keys)
	}
	var got []int
	for _, k := range []string{"", "a", "b", "alice", "bob", "carol", "dave", "user-1", "user-2"} {
		_, n := five.Loop(k).Group()
		got = append(got, n)
	}
	if want := []int{1, 3, 0, 3, 0, 0, 4, 3, 0}; !slices.Equal(got, want) {
		t.Errorf("the keys are of the loops %v, where they were of %v", got, want)
	}
}

// TestGroupExplain says why a loop without anything on it runs.
func TestGroupExplain(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 2})
	var text bytes.Buffer
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error {
		if i == 1 {
			return nil
		}
		return lp.Post(func() {
			equal(t, "alive", lp.Alive(), false)
			no(t, lp.Explain(&text))
		})
	}))
	if want := "nothing keeps the loop running; its group runs as long as anything is on any of its loops\n"; text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
}
