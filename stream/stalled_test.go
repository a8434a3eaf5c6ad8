package stream_test

import (
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

// Who closes all handles within Control meets a socket that is not there yet.
func TestCloseWithinControlOfDatagrams(t *testing.T) {
	r := newRig(t)
	o := &udp.Options{Control: func(string, string, syscall.RawConn) error {
		r.lp.Walk(func(h loop.Handle) { r.is(h.Close(), syscall.EBUSY) })
		return nil
	}}
	c, err := udp.Listen(r.lp, loopback, o)
	r.no(err)
	r.no(c.Close())
}

// A loop on which nothing happens is not woken by what its stalled connections have queued.
func TestIdleBesideStalledOutputs(t *testing.T) {
	if checked {
		t.Skip("a thousand connections with a mebibyte each take minutes under the checks of race and debug builds")
	}
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	const n = 1100
	var all []*tcp.Conn
	ln := r.listen(nil, func(c *tcp.Conn) { all = append(all, c) })
	for range n {
		r.dial(ln, nil).PauseRead()
	}
	r.until("all", func() bool { return len(all) == n })
	for i, c := range all {
		c.Write(make([]byte, 1<<20))
		if i >= n-200 {
			defer c.Abort()
		}
	}
	r.pass(time.Second)
	// some go, as in a burst
	for _, c := range all[:40] {
		c.Abort()
	}
	r.pass(20 * time.Second)
	a := r.lp.Metrics().Turns
	r.pass(100 * time.Second)
	if n := r.lp.Metrics().Turns - a; n > 20 {
		t.Errorf("%d turns in 100 s in which nothing happens", n)
	}
	for _, c := range all {
		c.Abort()
	}
}
