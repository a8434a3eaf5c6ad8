package stream_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"example.com/pike/loop"
	"example.com/pike/loop/zaplog"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A crowd is connections to one listener, and what has become of them.
type crowd struct {
	*rig
	ln       *tcp.Listener
	accepted []*tcp.Conn
	times    []time.Duration // since the beginning, of each that was accepted
	dialed   []*tcp.Conn
	resets   int
	began    poller.Time
}

func newCrowd(r *rig, o *tcp.Options) *crowd {
	w := &crowd{rig: r, began: r.lp.UpdateNow()}
	w.ln = r.listen(o, func(c *tcp.Conn) {
		w.accepted = append(w.accepted, c)
		w.times = append(w.times, r.lp.Maker().Poller().Now().Sub(w.began))
	})
	return w
}

// come dials n times, and waits until the system has connected them.
func (w *crowd) come(n int) {
	w.Helper()
	made := 0
	for range n {
		c, err := tcp.Dial(w.lp, w.ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) {
			if !errors.Is(err, syscall.ECONNRESET) { // which a refusal may be that comes early
				w.no(err)
			}
			made++
		})
		w.no(err)
		c.OnClose = func(_ *tcp.Conn, err error) {
			if errors.Is(err, syscall.ECONNRESET) {
				w.resets++
			}
		}
		w.dialed = append(w.dialed, c)
	}
	w.until(fmt.Sprint(n, " connections are made"), func() bool { return made == n })
	w.turns(5)
}

// stats waits for the counters, some backends take a moment, and sees that they stay.
func (w *crowd) stats(want stream.AcceptMetrics) {
	w.Helper()
	w.until(fmt.Sprintf("the counters are %+v", want), func() bool { return w.ln.Metrics() == want })
	w.rest(5 * time.Millisecond)
	w.equal("the counters", w.ln.Metrics(), want)
}

// Beyond MaxConns connections wait in the backlog, each until one has ended.
func TestMaxConns(t *testing.T) {
	for on, options := range pollers {
		t.Run(on, func(t *testing.T) {
			w := newCrowd(newRig(t, options()), &tcp.Options{MaxConns: 3})
			w.come(5)
			w.stats(stream.AcceptMetrics{Accepted: 3, Open: 3})
			w.accepted[0].Close()
			w.until("the fourth is accepted", func() bool { return len(w.accepted) == 4 })
			w.stats(stream.AcceptMetrics{Accepted: 4, Open: 3})

			w.no(w.ln.SetMaxConns(4))
			w.until("the fifth is accepted", func() bool { return len(w.accepted) == 5 })
			w.no(w.ln.SetMaxConns(1)) // nobody is closed for that
			w.come(1)
			w.stats(stream.AcceptMetrics{Accepted: 5, Open: 4})
			for _, c := range w.accepted[1:4] {
				c.Abort()
			}
			w.stats(stream.AcceptMetrics{Accepted: 5, Open: 1})
			w.no(w.ln.Pause())
			w.accepted[4].Close()
			w.stats(stream.AcceptMetrics{Accepted: 5})
			w.no(w.ln.SetMaxConns(0)) // which is no reason to end the pause
			w.stats(stream.AcceptMetrics{Accepted: 5})
			w.no(w.ln.Resume())
			w.until("the sixth is accepted", func() bool { return len(w.accepted) == 6 })
			w.equal("connections that were reset", w.resets, 3) // by our own Abort
		})
	}
}

// With Refuse they are reset instead.
func TestMaxConnsRefuse(t *testing.T) {
	for on, options := range pollers {
		t.Run(on, func(t *testing.T) {
			w := newCrowd(newRig(t, options()), &tcp.Options{MaxConns: 3, AcceptPolicy: stream.Refuse})
			w.come(5)
			w.until("two are refused", func() bool { return w.resets == 2 })
			w.stats(stream.AcceptMetrics{Accepted: 3, Refused: 2, Open: 3})
			w.accepted[0].Close()
			w.until("it is closed", func() bool { return w.ln.Metrics().Open == 2 })
			w.come(1)
			w.until("it is accepted", func() bool { return len(w.accepted) == 4 })
			w.stats(stream.AcceptMetrics{Accepted: 4, Refused: 2, Open: 3})

			// The policy may change: who waits then is served, or refused.
			w.no(w.ln.SetAcceptPolicy(stream.LeaveInBacklog))
			w.come(1)
			w.stats(stream.AcceptMetrics{Accepted: 4, Refused: 2, Open: 3})
			w.no(w.ln.SetAcceptPolicy(stream.Refuse))
			w.until("it is refused", func() bool { return w.resets == 3 })
			w.stats(stream.AcceptMetrics{Accepted: 4, Refused: 3, Open: 3})
		})
	}
}

// The rate is kept to the loop's clock, which here is a simulated one: bursts as
// large as allowed, and no connection before its time.
func TestAcceptRate(t *testing.T) {
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	const rate, burst, n = 10, 4, 30
	w := newCrowd(r, &tcp.Options{AcceptRate: rate, AcceptBurst: burst})
	w.pass(time.Minute) // saves up no more than a burst
	began := r.lp.UpdateNow().Sub(w.began)
	w.come(n)
	w.until("all are accepted", func() bool { return len(w.accepted) == n })
	for i, at := range w.times {
		since := at - began
		due := time.Duration(max(0, i-burst+1)) * time.Second / rate
		if since < due || since > due+200*time.Millisecond {
			t.Errorf("connection %d was accepted after %v, want %v", i, since, due)
		}
	}
	w.stats(stream.AcceptMetrics{Accepted: n, Open: n})

	w.come(5) // no token is left for most
	accepted := len(w.accepted)
	if accepted > n+2 {
		t.Errorf("%d of 5 were accepted at once", accepted-n)
	}
	w.no(r.lp.Shutdown(t.Context(), time.Second, nil)) // ends the wait of the others
	r.run()
	w.equal("accepted after Close", len(w.accepted), accepted)
}

func TestAcceptRateRefuse(t *testing.T) {
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	w := newCrowd(r, &tcp.Options{AcceptRate: 0.001, AcceptBurst: 2, AcceptPolicy: stream.Refuse})
	w.come(5)
	w.until("three are refused", func() bool { return w.resets == 3 })
	w.stats(stream.AcceptMetrics{Accepted: 2, Refused: 3, Open: 2})
	w.no(w.ln.SetAcceptRate(0, 0))
	w.come(5)
	w.until("all are accepted", func() bool { return len(w.accepted) == 7 })
	w.no(w.ln.SetAcceptRate(math.Inf(1), 0))
	w.come(1)
	w.until("and so is this one", func() bool { return len(w.accepted) == 8 })
}

// Rates at the ends of what numbers can say neither overflow nor stop.
func TestAcceptRateExtremes(t *testing.T) {
	for _, rate := range []float64{1e300, 1e9, 1e-9, 1e-300, math.SmallestNonzeroFloat64} {
		for _, burst := range []int{0, 1, math.MaxInt} {
			w := newCrowd(newRig(t), &tcp.Options{AcceptRate: rate, AcceptBurst: burst})
			w.come(1)
			w.until(fmt.Sprint("one is accepted at the rate ", rate), func() bool { return len(w.accepted) == 1 })
		}
	}
}

func TestAcceptLimitsThatCannotBe(t *testing.T) {
	r := newRig(t)
	for _, o := range []tcp.Options{
		{MaxConns: -1}, {AcceptRate: -1}, {AcceptRate: math.NaN()}, {AcceptBurst: -1}, {AcceptPolicy: 7},
	} {
		_, err := tcp.Listen(r.lp, loopback, &o)
		r.is(err, os.ErrInvalid)
	}
	ln := r.listen(nil, nil)
	r.is(ln.SetMaxConns(-1), os.ErrInvalid)
	r.is(ln.SetAcceptRate(-1, 0), os.ErrInvalid)
	r.is(ln.SetAcceptRate(math.NaN(), 0), os.ErrInvalid)
	r.is(ln.SetAcceptRate(1, -1), os.ErrInvalid)
	r.is(ln.SetAcceptPolicy(7), os.ErrInvalid)
	r.no(ln.Close())
	r.is(ln.SetMaxConns(1), net.ErrClosed)
	r.is(ln.SetAcceptRate(1, 1), net.ErrClosed)
	r.is(ln.SetAcceptPolicy(stream.Refuse), net.ErrClosed)
}

// Without an OnAccept connections are closed, and counted.
func TestNobodyAccepts(t *testing.T) {
	r := newRig(t)
	w := newCrowd(r, nil)
	w.ln.OnAccept = nil
	w.come(2)
	w.until("they are closed", func() bool { return w.ln.Metrics().Refused == 2 })
	w.stats(stream.AcceptMetrics{Refused: 2})
}

// A connection that was given to package net is the listener's no more.
func TestStatsAfterNetConn(t *testing.T) {
	r := newRig(t)
	w := newCrowd(r, &tcp.Options{MaxConns: 1})
	w.come(2)
	w.until("one is accepted", func() bool { return len(w.accepted) == 1 })
	nc, err := w.accepted[0].NetConn()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this backend does not give descriptors back")
	}
	r.no(err)
	defer nc.Close()
	w.until("the next is accepted", func() bool { return len(w.accepted) == 2 })
}

// A listener whose system has no descriptors for a long time says so in the log
// once a minute, with how often it has tried.
func TestFailuresAreLoggedOnceAMinute(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	h := sim.New(1, sim.Config{Faults: sim.Faults{sim.TooManyOpen: 1_000_000}}).Host("host") // of a million: always
	r := newRig(t, loop.Options{Poller: h, Logger: zaplog.Logger(zap.New(core))})
	told := 0
	ln := r.listen(nil, func(*tcp.Conn) { t.Error("accepted") })
	ln.OnError = func(err error) { told++; r.is(err, syscall.EMFILE) }
	_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	r.no(err)
	r.pass(10*time.Minute + 30*time.Second)
	if n := logs.Len(); n < 10 || n > 12 {
		t.Errorf("%d lines in ten minutes", n)
	}
	var sum uint64
	for _, l := range logs.All() {
		sum += l.ContextMap()["failures"].(uint64)
	}
	if told < 500 || uint64(told) < sum || uint64(told)-sum > 60 {
		t.Errorf("%d failures, %d of them in the log", told, sum)
	}
	r.equal("counted", ln.Metrics().Failed, uint64(told))
}

// A listener that is paused does not go on when its rate would let it, and has
// saved no more than its burst.
func TestAcceptRateWhilePaused(t *testing.T) {
	r := newSimRig(t)
	accepted := 0
	ln := r.listen(&tcp.Options{AcceptRate: 1, AcceptBurst: 1}, func(*tcp.Conn) { accepted++ })
	for range 3 {
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err) })
		r.no(err)
	}
	r.forever(func() bool { return accepted == 1 })
	r.no(ln.Pause())
	r.sleep(10 * second)
	r.equal("accepted while paused", accepted, 1)
	r.no(ln.Resume())
	r.sleep(second / 2)
	r.equal("accepted after that", accepted, 2)
	r.sleep(second)
	r.equal("accepted a second later", accepted, 3)
}
