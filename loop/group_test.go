package loop_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// newGroup returns a group that the end of the test closes, if it was not run.
func newGroup(t testing.TB, o loop.GroupOptions) *loop.Group {
	t.Helper()
	g, err := loop.NewGroup(o)
	no(t, err)
	t.Cleanup(func() {
		if err := g.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error("closing the group:", err)
		}
	})
	return g
}

// runGroup runs g, and fails the test if it takes for ever.
func runGroup(t testing.TB, g *loop.Group, setup func(i int, lp *loop.Loop) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := g.Run(ctx, setup)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the group still ran after %v", patience)
	}
	for i := range g.Len() {
		is(t, g.At(i).Close(), net.ErrClosed)
	}
	return err
}

// forEver has something on each loop that ends by Shutdown or Close alone.
func forEver(_ int, lp *loop.Loop) error {
	_, err := timer.Every(lp, time.Hour, func() {})
	return err
}

func TestGroupRunsAllLoops(t *testing.T) {
	const n = 3
	g := newGroup(t, loop.GroupOptions{Loops: n})
	equal(t, "loops", g.Len(), n)
	var fired atomic.Int32
	var order []int
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error {
		order = append(order, i)
		if of, number := lp.Group(); of != g || number != i || lp != g.At(i) {
			t.Errorf("loop %d is of %p, with the number %d", i, of, number)
		}
		_, err := timer.After(lp, time.Millisecond, func() { fired.Add(1) })
		return err
	}))
	equal(t, "timers fired", fired.Load(), n)
	if !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("setup was called for %v", order)
	}
	is(t, g.Run(t.Context(), nil), net.ErrClosed)
	is(t, g.Close(), net.ErrClosed)
	is(t, g.Each(func(*loop.Loop) {}), net.ErrClosed)
	is(t, g.Shutdown(t.Context(), 0, nil), net.ErrClosed)
}

func TestGroupDefaults(t *testing.T) {
	equal(t, "loops", newGroup(t, loop.GroupOptions{}).Len(), runtime.GOMAXPROCS(0))
	p, err := system.Open("")
	no(t, err)
	equal(t, "loops on a poller of the caller's", newGroup(t, loop.GroupOptions{Loop: loop.Options{Poller: p}}).Len(), 1)
	if _, i := newLoop(t, loop.Options{}).Group(); i != 0 {
		t.Errorf("a loop of no group has the number %d", i)
	}
}

func TestGroupMisuse(t *testing.T) {
	_, err := loop.NewGroup(loop.GroupOptions{Loops: -1})
	is(t, err, os.ErrInvalid)
	_, err = loop.NewGroup(loop.GroupOptions{Loops: 2, Loop: loop.Options{Poller: &fakePoller{}}})
	is(t, err, os.ErrInvalid)
	_, err = loop.NewGroup(loop.GroupOptions{Loop: loop.Options{Backend: "abacus"}})
	if err == nil {
		t.Error("there is an abacus")
	}
	g := newGroup(t, loop.GroupOptions{Loops: 2})
	is(t, g.Run(nil, nil), os.ErrInvalid) //lint:ignore SA1012 that is what is tested
	is(t, g.Each(nil), os.ErrInvalid)
	is(t, g.Shutdown(nil, 0, nil), os.ErrInvalid) //lint:ignore SA1012 likewise
	is(t, g.At(1).Run(), loop.ErrRunning)
	_, err = g.At(0).RunOnce()
	is(t, err, loop.ErrRunning)
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error {
		return lp.Post(func() {
			is(t, g.Run(t.Context(), nil), loop.ErrRunning)
			is(t, g.Close(), loop.ErrRunning)
			is(t, lp.Run(), loop.ErrRunning)
			is(t, lp.Close(), loop.ErrRunning)
		})
	}))
}

// TestGroupWaitsForPosts has functions go around the loops, which have nothing else on them: the group must not
// end while one is on its way.
func TestGroupWaitsForPosts(t *testing.T) {
	const loops, rounds, functions = 4, 1000, 3
	g := newGroup(t, loop.GroupOptions{Loops: loops})
	var ran atomic.Int64
	var next func(i, left int) func()
	next = func(i, left int) func() {
		return func() {
			ran.Add(1)
			if left > 0 {
				i = (i + 1) % loops
				if err := g.At(i).Post(next(i, left-1)); err != nil {
					t.Errorf("loop %d is closed, and %d were to come: %v", i, left, err)
				}
			}
		}
	}
	for i := range functions {
		no(t, g.At(i).Post(next(i, rounds)))
	}
	no(t, runGroup(t, g, nil))
	equal(t, "functions run", ran.Load(), functions*(rounds+1))
}

// TestGroupWaitsForWork has jobs of one loop put timers on another.
func TestGroupWaitsForWork(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 3})
	var fired atomic.Int32
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error {
		other := g.At((i + 1) % 3)
		job := func(context.Context) (int, error) { return 0, nil }
		_, err := loop.Work(t.Context(), lp, job, func(int, error) {
			no(t, other.Post(func() {
				_, err := timer.After(other, time.Millisecond, func() { fired.Add(1) })
				no(t, err)
			}))
		})
		return err
	}))
	equal(t, "timers fired", fired.Load(), 3)
}

// failedAs finds the number of the loop that a group has failed by.
func failedAs(t *testing.T, err error, i int) *loop.GroupError {
	t.Helper()
	var failed *loop.GroupError
	if !errors.As(err, &failed) {
		t.Fatalf("Run: %v, which is no *GroupError", err)
	}
	equal(t, "the loop that failed", failed.Loop, i)
	if want := fmt.Sprintf("loop %d: ", i); !strings.HasPrefix(failed.Error(), want) {
		t.Errorf("%q does not begin with %q", failed, want)
	}
	return failed
}

func TestGroupFailsInSetup(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		fail func() error
		err  error
	}{{"error", func() error { return broken }, broken}, {"panic", func() error { panic(broken) }, broken}} {
		t.Run(c.name, func(t *testing.T) {
			g := newGroup(t, loop.GroupOptions{Loops: 3})
			closed, ran := 0, false
			err := runGroup(t, g, func(i int, lp *loop.Loop) error {
				if i == 1 {
					return c.fail()
				}
				if i == 2 {
					t.Error("setup goes on after an error")
				}
				ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
				if err == nil {
					ln.OnClose = func() { closed++ }
					err = lp.Post(func() { ran = true })
				}
				return err
			})
			failedAs(t, err, 1)
			is(t, err, c.err)
			equal(t, "listeners closed", closed, 1)
			equal(t, "a loop ran", ran, false)
		})
	}
}

func TestGroupFailsByPanic(t *testing.T) {
	broken := errors.New("broken")
	g := newGroup(t, loop.GroupOptions{Loops: 3})
	var closed atomic.Int32
	err := runGroup(t, g, func(i int, lp *loop.Loop) error {
		tm, err := timer.After(lp, time.Hour, func() {})
		no(t, err)
		tm.OnClose = func() { closed.Add(1) }
		if i == 2 {
			return lp.Post(func() { panic(broken) })
		}
		return nil
	})
	failed := failedAs(t, err, 2)
	is(t, err, broken)
	var p *loop.PanicError
	if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "TestGroupFailsByPanic") {
		t.Errorf("%v has no stack of the panic", err)
	}
	if want := "loop 2: a callback has panicked: broken"; failed.Error() != want {
		t.Errorf("%q, want %q", failed, want)
	}
	equal(t, "timers closed", closed.Load(), 3)
}

// TestGroupGrace has connections finish when another loop has failed.
func TestGroupGrace(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 2, Grace: -1})
	answered, broke := false, false
	err := runGroup(t, g, func(i int, lp *loop.Loop) error {
		if i == 1 {
			return nil
		}
		pair(t, lp, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if broke {
					c.Write(p)
					c.Close()
					return
				}
				broke = true
				g.At(1).Post(func() { panic("broken") })
			}
		}, func(c *tcp.Conn) {
			c.WriteString("a")
			tick, err := timer.Every(lp, time.Millisecond, func() {
				if lp.ShuttingDown() {
					c.WriteString("b")
				}
			})
			no(t, err)
			c.OnRead = func(c *tcp.Conn, p []byte) { answered = true; c.Close(); tick.Close() }
			c.OnEOF = func(c *tcp.Conn) { c.Close() }
		})
		return nil
	})
	failedAs(t, err, 1)
	equal(t, "answered within the grace", answered, true)
}

func TestGroupOnPanicGoesOn(t *testing.T) {
	var heard atomic.Int32
	g := newGroup(t, loop.GroupOptions{Loops: 2, Loop: loop.Options{OnPanic: func(loop.Handle, any, []byte) { heard.Add(1) }}})
	no(t, runGroup(t, g, func(i int, lp *loop.Loop) error { return lp.Post(func() { panic(i) }) }))
	equal(t, "panics heard", heard.Load(), 2)
}

func TestGroupFailsByGoexit(t *testing.T) {
	for i := range 2 {
		g := newGroup(t, loop.GroupOptions{Loops: 2})
		var done atomic.Bool
		over := make(chan error)
		go func() {
			defer close(over)
			over <- runGroup(t, g, func(j int, lp *loop.Loop) error {
				if i == j {
					return lp.Post(runtime.Goexit)
				}
				tm, err := timer.After(lp, time.Hour, func() {})
				no(t, err)
				tm.OnClose = func() { done.Store(true) }
				return nil
			})
		}()
		if err, returned := <-over; returned { // if it was loop 0, the goroutine of Run is gone
			failedAs(t, err, i)
		} else if i != 0 {
			t.Error("Run did not return")
		}
		equal(t, "the other loop has ended", done.Load(), true)
		is(t, g.Close(), net.ErrClosed)
	}
}

// A brokenPoller fails in its third Poll.
type brokenPoller struct {
	poller.Poller
	polls int
}

var errQueue = errors.New("the queue is broken")

func (p *brokenPoller) Poll(deadline poller.Time) error {
	if p.polls++; p.polls == 3 {
		return errQueue
	}
	return p.Poller.Poll(min(deadline, p.Now().Add(time.Millisecond)))
}

// A brokenWorld opens pollers of which the second is broken.
type brokenWorld struct{ poller.Poller }

func (brokenWorld) OpenThread() (poller.Poller, error) {
	p, err := system.Open("")
	return &brokenPoller{Poller: p}, err
}

func (brokenWorld) Spawn(p poller.Poller, run func()) (wait func()) {
	over := make(chan struct{})
	go func() { defer close(over); run() }()
	return func() { <-over }
}

func TestGroupFailsInThePoller(t *testing.T) {
	p, err := system.Open("")
	no(t, err)
	g := newGroup(t, loop.GroupOptions{Loops: 2, Loop: loop.Options{Poller: brokenWorld{p}}})
	err = runGroup(t, g, forEver)
	failedAs(t, err, 1)
	is(t, err, errQueue)
}

func TestGroupEndsWithItsContext(t *testing.T) {
	g := newGroup(t, loop.GroupOptions{Loops: 3})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	var r loop.GroupReport
	var open atomic.Int32
	err := g.Run(ctx, func(i int, lp *loop.Loop) error {
		opened := func(*tcp.Conn) {
			if open.Add(1) == 2*3 {
				no(t, g.Shutdown(t.Context(), -1, func(of loop.GroupReport) { r = of })) // which waits for them
				cancel(cause)
			}
		}
		pair(t, lp, opened, opened)
		return nil
	})
	is(t, err, cause)
	equal(t, "reports", len(r.Loops), 3)
	is(t, r.Err, net.ErrClosed)
}

// TestGroupEndsWithALoop stops one loop, or shuts it down alone: the others must not stay behind.
func TestGroupEndsWithALoop(t *testing.T) {
	for name, end := range map[string]func(lp *loop.Loop){
		"Stop":     func(lp *loop.Loop) { lp.Stop() },
		"Shutdown": func(lp *loop.Loop) { no(t, lp.Shutdown(t.Context(), -1, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, loop.GroupOptions{Loops: 3})
			no(t, g.At(1).Post(func() { end(g.At(1)) }))
			no(t, runGroup(t, g, forEver))
		})
	}
}
