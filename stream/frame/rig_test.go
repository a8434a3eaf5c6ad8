package frame_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// turnsMost bounds every wait. The simulator's clock makes none of them long.
const turnsMost = 100_000

// A rig is a loop with both ends of connections.
type rig struct {
	testing.TB
	lp *loop.Loop
}

// newRig is a rig on a simulated network.
func newRig(t testing.TB, seed uint64, faults sim.Faults) *rig {
	return rigOf(t, loop.Options{Poller: sim.New(seed, sim.Config{Faults: faults}).Host("host")})
}

func rigOf(t testing.TB, o loop.Options) *rig {
	t.Helper()
	lp, err := loop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lp.Close() })
	return &rig{t, lp}
}

func (r *rig) no(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// until runs turns of the loop until cond holds.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	for range turnsMost {
		if cond() {
			return
		}
		_, err := r.lp.RunNoWait()
		r.no(err)
	}
	r.Fatal("waited in vain until ", what)
}

// pass lets the simulator's clock go on.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	over := false
	_, err := timer.After(r.lp, d, func() { over = true })
	r.no(err)
	for !over {
		_, err := r.lp.RunOnce()
		r.no(err)
	}
}

// pair is both ends of a connection. set is called for the accepted one, in OnAccept.
func (r *rig) pair(o *tcp.Options, set func(*tcp.Conn)) (peer, c *tcp.Conn) {
	r.Helper()
	ln, err := tcp.Listen(r.lp, "127.0.0.1:0", o)
	r.no(err)
	ln.OnAccept = func(a *tcp.Conn) { c = a; set(a) }
	made := false
	peer, err = tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err); made = true })
	r.no(err)
	for !made || c == nil {
		_, err := r.lp.RunOnce()
		r.no(err)
	}
	r.no(ln.Close())
	return peer, c
}
