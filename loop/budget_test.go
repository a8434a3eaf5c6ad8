package loop_test

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// pingPong has datagrams go round on lp, and calls arrived for each.
func pingPong(t *testing.T, lp *loop.Loop, arrived func()) *udp.Conn {
	t.Helper()
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		arrived()
		_, err := c.WriteTo(p, from)
		no(t, err)
	}
	_, err = c.WriteTo([]byte("ball"), c.LocalAddr())
	no(t, err)
	return c
}

// floods are what keeps a loop busy for ever.
var floods = map[string]func(t *testing.T, lp *loop.Loop){
	"a post that posts itself": func(t *testing.T, lp *loop.Loop) {
		var again func()
		again = func() { no(t, lp.Post(again)) }
		again()
	},
	"posts of other goroutines": func(t *testing.T, lp *loop.Loop) {
		done := make(chan struct{})
		var enough atomic.Bool
		t.Cleanup(func() { enough.Store(true); <-done })
		var waiting atomic.Int32 // never few, but not all there is memory for
		go func() {
			defer close(done)
			for !enough.Load() {
				if waiting.Load() > 100_000 {
					runtime.Gosched()
					continue
				}
				waiting.Add(1)
				lp.Post(func() { waiting.Add(-1) })
			}
		}()
	},
	"timers that are due at once": func(t *testing.T, lp *loop.Loop) {
		for range 500 {
			var tm *timer.Timer
			tm, err := timer.New(lp, func() { no(t, tm.Reset(0)) })
			no(t, err)
			no(t, tm.Start(0, 0))
		}
	},
	"deferred work that defers itself": func(t *testing.T, lp *loop.Loop) {
		var again deferred
		again = func() { lp.Maker().Defer(again) }
		again()
	},
	"close callbacks that close": func(t *testing.T, lp *loop.Loop) {
		var again func()
		again = func() {
			h, err := lp.NewIdle(func() {})
			no(t, err)
			h.OnClose = again
			no(t, h.Close())
		}
		again()
	},
	"idle": func(t *testing.T, lp *loop.Loop) {
		h, err := lp.NewIdle(func() {})
		no(t, err)
		no(t, h.Start())
	},
}

// Only if I/O and timers get their share does the loop end.
func TestFloodsStarveNobody(t *testing.T) {
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t, loop.Options{})
			arrived, fired := 0, 0
			enough := func() {
				if arrived >= 20 && fired >= 20 {
					lp.Stop()
				}
			}
			pingPong(t, lp, func() { arrived++; enough() })
			_, err := timer.Every(lp, time.Millisecond, func() { fired++; enough() })
			no(t, err)
			flood(t, lp)
			run(t, lp)
			no(t, lp.Close())
		})
	}
}

// What is left over comes first in the next turn, and in order.
func TestPostsOverBudget(t *testing.T) {
	const posts = 10_000
	lp, p := newFake(t)
	calls, perTurn := 0, 0
	for i := range posts {
		no(t, lp.Post(func() {
			equal(t, "post", calls, i)
			calls++
			perTurn++
		}))
	}
	p.onPoll = func() {
		if perTurn > posts/4 {
			t.Errorf("%d posts in a turn: no budget", perTurn)
		}
		perTurn = 0
	}
	run(t, lp)
	equal(t, "calls", calls, posts)
}

func TestTimersOverBudget(t *testing.T) {
	const timers = 6000
	lp, p := newFake(t)
	fired, perTurn := 0, 0
	for i := range timers {
		_, err := timer.After(lp, 0, func() {
			equal(t, "timer", fired, i)
			fired++
			perTurn++
		})
		no(t, err)
	}
	p.onPoll = func() {
		if perTurn == timers {
			t.Error("all timers in one turn: no budget")
		}
		perTurn = 0
	}
	run(t, lp)
	equal(t, "fired", fired, timers)
}
