package loop_test

import (
	"net/netip"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
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

// The callbacks of I/O run inside the poller's Poll, but are no idle time.
func TestIdleTimeExcludesCallbacks(t *testing.T) {
	const wait, busy = 20 * time.Millisecond, 30 * time.Millisecond
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
	total, idle := lp.UpdateNow().Sub(began), lp.Metrics().Idle
	if idle <= 0 || idle > total-busy {
		t.Errorf("idle %v of %v, of which a callback took %v", idle, total, busy)
	}
}
