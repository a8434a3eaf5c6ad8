package loop_test

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// An idle loop is asleep, whatever is open on it and however far off its timers.
func TestIdleLoopDoesNotWakeUp(t *testing.T) {
	lp, meter := newMetered(t)
	_, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { t.Error("a datagram from nowhere") }
	_, err = lp.NewAsync(func() {})
	no(t, err)
	_, err = timer.After(lp, time.Hour, func() {})
	no(t, err)
	for _, make := range []func(func()) (*loop.Hook, error){lp.NewPrepare, lp.NewCheck} {
		h, err := make(func() {})
		no(t, err)
		no(t, h.Start())
	}
	stop := time.AfterFunc(200*time.Millisecond, lp.Stop)
	defer stop.Stop()
	run(t, lp)
	equal(t, "polls until Stop", meter.polls.Load(), 1)
	equal(t, "turns until Stop", lp.Metrics().Turns, 1)
	equal(t, "wake-ups: Stop's", meter.wakes.Load(), 1)
}

// A timer costs one wait, until it is due, and not a series of them.
func TestOneWaitForATimer(t *testing.T) {
	lp, meter := newMetered(t)
	_, err := timer.After(lp, 50*time.Millisecond, func() {})
	no(t, err)
	run(t, lp)
	if polls := meter.polls.Load(); polls > 2 {
		t.Errorf("%d polls for one timer", polls)
	}
	equal(t, "wake-ups", meter.wakes.Load(), 0)
}

func TestMetrics(t *testing.T) {
	p := &fakePoller{now: poller.Time(time.Second)}
	lp := newLoop(t, loop.Options{Poller: p, MeasureIdle: true})
	equal(t, "at first", lp.Metrics(), loop.Metrics{})
	_, err := timer.After(lp, time.Second, func() { p.now = p.now.Add(time.Minute) }) // which is busy
	no(t, err)
	no(t, lp.Post(func() {}))
	h, err := lp.NewCheck(func() {})
	no(t, err)
	no(t, h.Start())
	h.Unref()
	run(t, lp)
	m := lp.Metrics()
	equal(t, "time idle", m.Idle, time.Second)
	equal(t, "turns", m.Turns, uint64(len(p.polls)))
	equal(t, "callbacks", m.Callbacks, m.Turns+2)
}

// The callbacks of I/O run inside the poller's Poll, but are no idle time. A machine that stops the test
// until the timer is due leaves nothing to wait for, so that it is tried again.
func TestIdleTimeExcludesCallbacks(t *testing.T) {
	const busy = 30 * time.Millisecond
	for range 20 {
		total, idle := idleBesideWork(t, 20*time.Millisecond, busy)
		if idle > total-busy {
			t.Fatalf("idle %v of %v, of which a callback took %v", idle, total, busy)
		}
		if idle > 0 {
			return
		}
	}
	t.Error("no time was idle, in 20 runs that had to wait")
}

// idleBesideWork runs a loop that waits and then has a callback of I/O which takes long.
func idleBesideWork(t *testing.T, wait, busy time.Duration) (total, idle time.Duration) {
	lp := newLoop(t, loop.Options{MeasureIdle: true})
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
		for until := lp.UpdateNow().Add(busy); lp.UpdateNow() < until; {
		}
		no(t, c.Close())
	}
	began := lp.UpdateNow()
	_, err = timer.After(lp, wait, func() { c.WriteTo([]byte("work"), c.LocalAddr()) })
	no(t, err)
	run(t, lp)
	return lp.UpdateNow().Sub(began), lp.Metrics().Idle
}

// A loop that never waits, be it for an idle hook or for a function that posts itself, or
// because it is embedded by RunNoWait, does not keep those from running whom it answers. On
// one processor they waited for the runtime to take it away, thousands of turns.
func TestAnswersOfABusyLoop(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, begin := range map[string]func(*loop.Loop){
		"idle hook": func(lp *loop.Loop) {
			h, err := lp.NewIdle(func() {})
			no(t, err)
			no(t, h.Start())
		},
		"a function that posts itself": func(lp *loop.Loop) {
			var again func()
			again = func() { lp.Post(again) }
			again()
		},
		"RunNoWait": nil,
	} {
		t.Run(name, func(t *testing.T) {
			const trips, turnsMost = 50, 100
			lp := newLoop(t, loop.Options{})
			var began, ended uint64
			over := false
			go func() {
				answered := make(chan bool, 1)
				for i := range trips {
					lp.Post(func() {
						if i == 0 {
							began = lp.Metrics().Turns
						}
						answered <- true
					})
					<-answered
				}
				lp.Post(func() {
					ended = lp.Metrics().Turns
					over = true
					lp.Stop()
				})
			}()
			if begin != nil {
				begin(lp)
				run(t, lp)
			}
			for start := time.Now(); !over; {
				_, err := lp.RunNoWait()
				no(t, err)
				if time.Since(start) > patience {
					t.Fatal("the goroutine is not answered")
				}
			}
			if turns := (ended - began) / trips; turns > turnsMost {
				t.Errorf("%d turns until whom the loop has answered asks again, want %d at most", turns, turnsMost)
			}
		})
	}
}

// A loop that never waits has no time idle, and one that finds what it waits for there
// already neither.
func TestNoIdleTimeWhileBusy(t *testing.T) {
	for name, begin := range map[string]func(*loop.Loop){
		"idle hook": func(lp *loop.Loop) {
			h, err := lp.NewIdle(func() {})
			no(t, err)
			no(t, h.Start())
		},
		"a function that posts itself": func(lp *loop.Loop) {
			var again func()
			again = func() { lp.Post(again) }
			again()
		},
		"a datagram to itself": func(lp *loop.Loop) {
			c, err := udp.Listen(lp, "127.0.0.1:0", nil)
			no(t, err)
			c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) { c.WriteTo(p, from) }
			_, err = c.WriteTo([]byte("again"), c.LocalAddr())
			no(t, err)
		},
	} {
		for kind, o := range map[string]loop.Options{
			"the system": {MeasureIdle: true},
			"simulated":  {MeasureIdle: true, Poller: sim.New(1, sim.Config{}).Host("host")},
		} {
			if kind == "simulated" && name == "a datagram to itself" {
				continue // which is some time under way
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				lp := newLoop(t, o)
				begin(lp)
				for turns := 0; turns < 1000; turns++ {
					_, err := lp.RunNoWait()
					no(t, err)
				}
				check, err := lp.NewCheck(func() {
					if lp.Metrics().Turns > 2000 {
						lp.Stop()
					}
				})
				no(t, err)
				no(t, check.Start())
				run(t, lp)
				equal(t, "time idle", lp.Metrics().Idle, 0)
			})
		}
	}
}
