package stream_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// everywhere runs a test on the system's poller and on the simulator.
func everywhere(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("system", func(t *testing.T) { test(t, newRig(t)) })
	t.Run("simulator", func(t *testing.T) { test(t, newSimRig(t)) })
}

// newSimRig is a rig on a simulated host, whose clock nothing on the machine can
// make late.
func newSimRig(t testing.TB) *rig {
	t.Helper()
	return newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
}

// Each byte the peer takes starts the timeout afresh. The clock is a simulated
// one, which nothing else on the machine can make late.
func TestDrainTimeoutIsOfStandingStill(t *testing.T) {
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	small := &tcp.Options{DrainTimeout: 100 * time.Millisecond, WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
	client, server := r.pairOf(small, small)
	const total = 2 * mebibyte
	read, rests := 0, 0
	client.OnRead = func(c *tcp.Conn, p []byte) {
		if read += len(p); read > (rests+1)*100_000 {
			rests++
			r.no(c.PauseRead())
			r.after(90*time.Millisecond, func() { c.ResumeRead() })
		}
	}
	server.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
	server.Write(make([]byte, total))
	began := r.lp.UpdateNow()
	r.no(server.Close())
	r.run()
	r.equal("bytes", read, total)
	if took := r.lp.Now().Sub(began); rests < 10 || took < time.Second {
		t.Errorf("%d rests, %v in all, show nothing", rests, took)
	}
}

// Where sockets end late, as with a completion port, closing the loop waits for
// them all the same: every OnClose is made.
func TestLoopCloseWaitsForTheSystem(t *testing.T) {
	const always = 1_000_000 // in millionths
	for seed := range uint64(20) {
		w := sim.New(seed, sim.Config{Faults: sim.Faults{sim.LateClose: always}})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		a, b := r.pair()
		closed := 0
		for _, c := range []*tcp.Conn{a, b} {
			c.OnClose = func(*tcp.Conn, error) { closed++ }
			c.Write(make([]byte, mebibyte))
		}
		ln := r.listen(nil, nil)
		ln.OnClose = func() { closed++ }
		r.no(r.lp.Close())
		r.equal("closed", closed, 3)
	}
}
