package stream_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// queueMemory holds that what fill queues takes at most 4 times as much memory.
func (r *rig) queueMemory(what string, fill func()) {
	r.Helper()
	queued, heap := stream.Queued(r.lp), holds().heap
	fill()
	queued, heap = stream.Queued(r.lp)-queued, holds().heap-heap
	r.Logf("%s: %d KiB queued take %d KiB", what, queued>>10, heap>>10)
	if queued <= 0 || heap > 4*queued {
		r.Errorf("%s: %d KiB more are queued, and take %d KiB", what, queued>>10, heap>>10)
	}
}

// Writes of all kinds in turn, to a peer that does not read: between the caller's own buffers
// none of ours takes more than it holds.
func TestMemoryOfMixedWrites(t *testing.T) {
	for _, size := range []struct{ header, body int }{{100, 1000}, {10, 200}, {1, 20}, {1100, 300}, {40_000, 500}, {3, 70_000}} {
		r := newRig(t)
		var in *tcp.Conn
		ln := r.listen(nil, func(c *tcp.Conn) { in = c; c.PauseRead() })
		c := r.dial(ln, &tcp.Options{WriteBuffer: 64 << 10})
		r.until("it is accepted", func() bool { return in != nil })
		c.Write(make([]byte, 8<<20)) // more than the system takes
		r.turns(3)
		header, body := make([]byte, size.header), make([]byte, size.body)
		r.queueMemory(fmt.Sprint(size), func() {
			for range min(2000, 4<<20/(size.header+size.body)) {
				c.Write(header)
				c.WriteBuffers([][]byte{body}, nil)
			}
		})
		c.Abort()
		in.Abort()
	}
}

// Many peers that do not read, and a little queued for each.
func TestMemoryOfSlowClients(t *testing.T) {
	for _, each := range []int{3000, 10_000, 100_000} {
		r := newRig(t)
		var ins []*tcp.Conn
		ln := r.listen(&tcp.Options{ReadBuffer: 4096}, func(c *tcp.Conn) { ins = append(ins, c); c.PauseRead() })
		var conns []*tcp.Conn
		for range 100 {
			conns = append(conns, r.dial(ln, &tcp.Options{WriteBuffer: 4096}))
		}
		message := make([]byte, 1000)
		for _, c := range conns {
			for c.Buffered() == 0 { // until the system takes no more
				c.Write(message)
				r.turns(1)
			}
		}
		r.queueMemory(fmt.Sprint(each), func() {
			for _, c := range conns {
				for c.Buffered() < each {
					c.Write(message)
				}
			}
		})
		for _, c := range append(conns, ins...) {
			c.Abort()
		}
		r.turns(5)
	}
}

// What a burst has needed goes back within seconds of quiet, down to what the docs name, and a
// loop that is idle then sleeps.
func TestMemoryIsGivenBackAfterABurst(t *testing.T) {
	r := newSimRig(t)
	const conns = 1500
	var all []*tcp.Conn
	heard := 0
	for range conns {
		c, peer := r.pair()
		peer.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
		all = append(all, c)
	}
	header, body := make([]byte, 200), make([]byte, 200)
	want := 0
	for i, c := range all {
		for range 10 + 500*(i%100/99) {
			c.Write(header)
			r.no(c.WriteBuffers([][]byte{body}, nil))
			want += 400
		}
		c.Write(make([]byte, 3000))
		want += 3000
	}
	r.forever(func() bool { return heard == want && stream.Queued(r.lp) == 0 })
	burst := stream.Kept(r.lp)
	r.sleep(5 * time.Second)
	rest := stream.Kept(r.lp)
	t.Logf("kept: %d KiB after the burst, %d KiB after quiet", burst>>10, rest>>10)
	if burst < 1<<20 || rest > 600<<10 {
		t.Errorf("%d KiB are kept after a burst, and after quiet %d KiB, want at most 600", burst>>10, rest>>10)
	}
	turns := r.lp.Metrics().Turns
	r.sleep(time.Hour - time.Minute)
	if turns = r.lp.Metrics().Turns - turns; turns > 3 {
		t.Errorf("an idle loop was woken: %d turns", turns)
	}
}

// A loop whose connections have all gone ends at once, whatever it keeps.
func TestWhatIsKeptKeepsNoLoopAlive(t *testing.T) {
	r := newSimRig(t)
	var all []*tcp.Conn
	for range 100 {
		c, peer := r.pair()
		all = append(all, c, peer)
	}
	for _, c := range all {
		c.Write(make([]byte, 2500))
	}
	r.turns(100)
	for _, c := range all {
		c.Abort()
	}
	before := r.lp.UpdateNow()
	r.run()
	between(t, "it ended", r.lp.UpdateNow().Sub(before), 0, 100*ms)
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
