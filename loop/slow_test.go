package loop_test

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// A report is what OnSlow was told.
type report struct {
	kind  string
	took  time.Duration
	stack string
}

// reports are those of a loop; sleeping until there are some is how a callback is slow in these tests.
type reports struct {
	mu  sync.Mutex
	all []report
}

func (r *reports) add(kind string, took time.Duration, stack []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, report{kind, took, string(stack)})
}

func (r *reports) list() []report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]report(nil), r.all...)
}

// dawdle is the callback that the stack is to show.
//
//go:noinline
func dawdle(t *testing.T, r *reports, reported int) {
	await(t, "a report while the callback runs", func() bool { return len(r.list()) >= reported })
}

const slow = 20 * time.Millisecond

func newSlow(t *testing.T) (*loop.Loop, *reports) {
	r := new(reports)
	return newLoop(t, loop.Options{Slow: slow, OnSlow: r.add}), r
}

// A callback is reported while it runs, with its kind and the stack of that moment; if it goes on, again at
// doublings; and in Metrics it counts once.
func TestSlowCallbackIsReportedWhileItRuns(t *testing.T) {
	for kind, begin := range map[string]func(lp *loop.Loop, fn func()){
		"post":        func(lp *loop.Loop, fn func()) { no(t, lp.Post(fn)) },
		"timer.Timer": func(lp *loop.Loop, fn func()) { timer.After(lp, 0, fn) },
		"loop.Hook": func(lp *loop.Loop, fn func()) {
			h, _ := lp.NewIdle(func() {})
			h.OnClose = fn
			h.Close()
		},
		"udp.Conn": func(lp *loop.Loop, fn func()) {
			c, err := udp.Listen(lp, "127.0.0.1:0", nil)
			no(t, err)
			c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) { fn(); c.Close() }
			c.WriteTo([]byte("x"), c.LocalAddr())
		},
	} {
		t.Run(kind, func(t *testing.T) {
			lp, r := newSlow(t)
			begin(lp, func() { dawdle(t, r, 3) })
			run(t, lp)
			all := r.list()
			for i, got := range all[:3] {
				equal(t, "kind", got.kind, kind)
				if got.took < slow || i > 0 && got.took < 2*all[i-1].took {
					t.Errorf("reported after %v, and before after %v", got.took, all[max(i-1, 0)].took)
				}
				if !strings.HasPrefix(got.stack, "goroutine ") || !strings.Contains(got.stack, "dawdle") {
					t.Errorf("the stack is not the callback's:\n%s", got.stack)
				}
			}
			m := lp.Metrics()
			equal(t, "slow callbacks", m.Slow, 1)
			if last := all[len(all)-1].took; m.Slowest < last { // one more may be on its way
				t.Errorf("the slowest is %v, and %v was reported", m.Slowest, last)
			}
		})
	}
}

// Who spins for ever is reported, although he calls nothing that would let others run.
func TestStuckProgramIsReported(t *testing.T) {
	var told atomic.Bool
	lp := newLoop(t, loop.Options{Slow: slow, OnSlow: func(string, time.Duration, []byte) { told.Store(true) }})
	no(t, lp.Post(func() {
		until := time.Now().Add(patience)
		for spins := 1; !told.Load(); spins++ {
			if spins%100_000_000 == 0 && time.Now().After(until) {
				t.Error("nobody has reported it")
				return
			}
		}
	}))
	run(t, lp)
}

// TestWatchdogRestsWhileNothingHappens has it rest after many callbacks, so that an idle program has no timer running.
func TestWatchdogRestsWhileNothingHappens(t *testing.T) {
	lp, _ := newSlow(t)
	for range 3000 {
		no(t, lp.Post(func() {}))
	}
	run(t, lp)
	await(t, "the watchdog rests", func() bool { return loop.WatchdogRests(lp) })
	no(t, lp.Post(func() { equal(t, "it rests in a callback", loop.WatchdogRests(lp), false) }))
	run(t, lp)
}

// Panics go the same way as without it.
func TestSlowWithPanics(t *testing.T) {
	var got any
	lp := newLoop(t, loop.Options{Slow: slow, OnSlow: func(string, time.Duration, []byte) {},
		OnPanic: func(_ loop.Handle, v any, _ []byte) { got = v }})
	no(t, lp.Post(func() { panic("boom") }))
	run(t, lp)
	equal(t, "OnPanic got", got, any("boom"))
	lp, _ = newSlow(t)
	no(t, lp.Post(func() { panic("bang") }))
	func() {
		defer func() { got = recover() }()
		lp.Run()
	}()
	equal(t, "without OnPanic it went up", got, any("bang"))
	await(t, "nothing runs any more, as far as the watchdog knows", func() bool { return loop.WatchdogRests(lp) })
}

// In a simulated world code takes no time, so that nothing is slow.
func TestSlowInTheSimulatorIsOff(t *testing.T) {
	told := 0
	w := sim.New(1, sim.Config{})
	lp := newLoop(t, loop.Options{Poller: w.Host("host"), Slow: time.Nanosecond, OnSlow: func(string, time.Duration, []byte) { told++ }})
	no(t, lp.Post(func() { time.Sleep(5 * time.Millisecond) }))
	run(t, lp)
	equal(t, "reports", told, 0)
	equal(t, "watched", loop.Watched(lp), false)
}
