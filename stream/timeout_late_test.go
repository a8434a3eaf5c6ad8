package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// A loop that was late, for a callback took long or the process was stopped, looks at
// all that has arrived meanwhile before it calls anybody silent, be it more than a few
// Polls bring.
func TestTimeoutsWaitForAllThatHasArrived(t *testing.T) {
	const peers = 700
	timeout := 50 * ms
	for op, set := range map[string]func(*tcp.Conn, time.Duration) error{
		"read": (*tcp.Conn).SetReadTimeout, "idle": (*tcp.Conn).SetIdleTimeout, "deadline": (*tcp.Conn).SetReadDeadline,
	} {
		t.Run(op, func(t *testing.T) {
			r := newRig(t)
			var all []*tcp.Conn
			var others []net.Conn
			heard, late := 0, 0
			ln := r.listen(nil, func(c *tcp.Conn) {
				all = append(all, c)
				c.OnRead = func(c *tcp.Conn, _ []byte) {
					heard++
					r.no(set(c, 0))
				}
				c.OnClose = func(_ *tcp.Conn, err error) {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						late++
					}
				}
			})
			for range peers {
				nc, err := net.Dial("tcp", ln.LocalAddr().String())
				r.no(err)
				defer nc.Close()
				others = append(others, nc)
				r.until("it is accepted", func() bool { return len(all) == len(others) })
			}
			r.no(r.lp.Post(func() {
				for i, c := range all {
					r.no(set(c, timeout))
					others[i].Write([]byte("x"))
				}
				time.Sleep(2 * timeout)
			}))
			r.until("all are heard", func() bool { return heard+late == peers })
			r.equal("timed out", late, 0)
			for _, c := range all {
				c.Abort()
			}
		})
	}
}

// spin is a callback that takes d of a simulated clock, which each reading moves a little. The
// loop's methods would look each time who calls them.
func (r *rig) spin(d time.Duration) {
	clock := r.lp.Maker().Poller()
	for end := clock.Now().Add(d); clock.Now() < end; {
	}
	r.lp.UpdateNow()
}

// A request that is there when its deadline passes is read, however many Polls that takes.
func TestReadDeadlineOfMuchThatHasArrived(t *testing.T) {
	for seed := range uint64(50) {
		w := sim.New(seed, sim.Config{RecvBuffer: 4 << 20, SendBuffer: 4 << 20, Faults: sim.Faults{sim.SplitRead: 300_000}})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		client, server := r.pair()
		const request = 3 * mebibyte
		got := 0
		server.OnRead = func(c *tcp.Conn, p []byte) {
			if got += len(p); got == request {
				r.no(c.SetReadDeadline(0))
			}
		}
		ended := r.watch(server)
		r.no(server.PauseRead())
		client.Write(make([]byte, request))
		r.sleep(second)
		r.no(server.ResumeRead())
		r.no(server.SetReadDeadline(ms))
		r.spin(100 * ms)
		r.forever(func() bool { return ended.ended || got == request })
		r.equal(fmt.Sprintf("seed %d: bytes received", seed), got, request)
	}
}

// What is kept for an OnRead has been counted when it arrived. It does not count for the
// deadline a second time when OnRead comes, because as much that had come in time would
// not be waited for.
func TestReadDeadlineCountsWhatIsKeptOnce(t *testing.T) {
	const kept, rest = 60_000, 50_000
	for pieces := range 5 { // of some the rest is still to come when the connection is looked at
		w := sim.New(1, sim.Config{RecvBuffer: 4 << 20, SendBuffer: 4 << 20})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		client, server := r.pair()
		request, got := kept+pieces<<16+rest, 0
		ended := r.watch(server)
		server.OnRead, server.OnEOF = nil, func(*tcp.Conn) {}
		client.Write(make([]byte, kept))
		r.sleep(second)
		r.no(server.PauseRead())
		client.Write(make([]byte, request-kept))
		r.sleep(second)
		r.no(server.ResumeRead())
		r.no(server.SetReadDeadline(ms))
		r.spin(100 * ms)
		r.after(0, func() { // in the turn that has found that the deadline has passed
			server.OnRead = func(c *tcp.Conn, p []byte) {
				if got += len(p); got == request {
					r.no(c.SetReadDeadline(0))
				}
				r.spin(15 * ms) // or the connection is not looked at
			}
		})
		r.forever(func() bool { return ended.ended || got == request })
		r.equal(fmt.Sprint("bytes received of ", request), got, request)
	}
}

// What is to be looked at first is only what was there: a peer that sends on and on has
// no more time for that.
func TestTimeoutsOfPeersThatSendWithoutEnd(t *testing.T) {
	for op, c := range map[string]struct {
		set  func(*tcp.Conn, time.Duration) error
		most time.Duration
	}{
		"read":  {(*tcp.Conn).SetReadDeadline, 1100 * ms},
		"write": {(*tcp.Conn).SetWriteTimeout, 1400 * ms},
		"close": {func(c *tcp.Conn, d time.Duration) error {
			return errors.Join(c.SetDrainTimeout(d), c.Close())
		}, 1400 * ms},
	} {
		t.Run(op, func(t *testing.T) {
			link := sim.Link{Latency: ms / 10, Bandwidth: 20_000_000}
			r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{Loopback: link}).Host("host")})
			client, server := r.pair()
			server.Write(make([]byte, mebibyte))
			r.no(client.PauseRead())
			r.sleep(second)
			send := func(c *tcp.Conn) { c.Write(make([]byte, 256<<10)) }
			client.OnWrite = send
			send(client)
			w := r.watch(server)
			server.OnRead = func(*tcp.Conn, []byte) {}
			r.no(c.set(server, second))
			r.forever(func() bool { return w.ended })
			w.timedOut(r, op, second, c.most-second)
		})
	}
}

// A dial that has succeeded while we did something else has succeeded.
func TestDialThatSucceedsWhileWeAreLate(t *testing.T) {
	run := func(t *testing.T, ctx context.Context, o *tcp.Options, r *rig, stall func()) {
		ln := r.listen(nil, func(*tcp.Conn) {})
		var d dialLog
		_, err := tcp.DialContext(ctx, r.lp, ln.LocalAddr().String(), o, d.tell)
		r.no(err)
		r.turns(1) // it begins
		r.no(r.lp.Post(stall))
		r.until("it is told", func() bool { return d.calls > 0 })
		r.no(d.err)
	}
	t.Run("Timeout", func(t *testing.T) {
		run(t, t.Context(), &tcp.Options{Timeout: 100 * ms}, newRig(t), func() { time.Sleep(200 * ms) })
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
		defer cancel()
		run(t, ctx, nil, newRig(t), func() { <-ctx.Done(); time.Sleep(50 * ms) })
	})
	t.Run("resolving", func(t *testing.T) { // the answer waits in the loop's mailbox
		gate := make(chan struct{})
		v := &resolver{ips: []string{"127.0.0.1"}, gate: gate}
		r := newRig(t, loop.Options{Resolver: v})
		ln := r.listen(nil, func(*tcp.Conn) {})
		_, port, err := net.SplitHostPort(ln.LocalAddr().String())
		r.no(err)
		var d dialLog
		_, err = tcp.Dial(r.lp, "slow.test:"+port, &tcp.Options{Timeout: 100 * ms}, d.tell)
		r.no(err)
		r.no(r.lp.Post(func() {
			close(gate)
			time.Sleep(300 * ms)
		}))
		r.until("it is told", func() bool { return d.calls > 0 })
		r.no(d.err)
	})
}

// A dialCounter counts dials.
type dialCounter struct {
	poller.Poller
	dials int
}

func (p *dialCounter) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	p.dials++
	return p.Poller.Dial(a, o, h)
}

// An answer that waits to be looked at keeps the next address from being tried, also
// where streams do not say that one waits.
func TestNextAddressWaitsForWhatHasArrived(t *testing.T) {
	for name, dials := range map[string]func() (poller.Poller, *int){
		"foretold": func() (poller.Poller, *int) { p := &dialCounter{Poller: newCounter(t).Poller}; return p, &p.dials },
		"not": func() (poller.Poller, *int) {
			p := &dialCounter{Poller: newCounter(t)}
			return p, &p.dials
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, dialed := dials()
			r := newRig(t, loop.Options{Poller: p, Resolver: &resolver{ips: []string{"127.0.0.1", "127.0.0.2"}}})
			ln := r.listen(nil, func(*tcp.Conn) {})
			_, port, err := net.SplitHostPort(ln.LocalAddr().String())
			r.no(err)
			var d dialLog
			_, err = tcp.Dial(r.lp, "name.test:"+port, &tcp.Options{AttemptDelay: 20 * ms}, d.tell)
			r.no(err)
			for *dialed == 0 && d.calls == 0 {
				r.turns(1)
			}
			if d.calls == 0 { // or this machine is slow
				r.no(r.lp.Post(func() { time.Sleep(60 * ms) }))
			}
			r.until("it is told", func() bool { return d.calls > 0 })
			r.no(d.err)
			r.equal("addresses tried", *dialed, 1)
		})
	}
}
