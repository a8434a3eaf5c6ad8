package stream_test

import (
	"io"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// TestLoopCloseSendsLongQueues: the queue is longer than what goes out in one turn, and the system has room for
// all of it.
func TestLoopCloseSendsLongQueues(t *testing.T) {
	for _, n := range []int{1, 200, 300, 1000, 5000} {
		r := newRig(t)
		c, nc := r.peer(nil)
		bufs := make([][]byte, n)
		for i := range bufs {
			bufs[i] = []byte("0123456789")
		}
		r.no(c.WriteBuffers(bufs, nil))
		r.no(r.lp.Close())
		r.no(nc.SetReadDeadline(time.Now().Add(patience)))
		got, err := io.ReadAll(nc)
		if len(got) != 10*n || err != nil {
			t.Errorf("of %d buffers %d bytes arrive, want %d; %v", n, len(got), 10*n, err)
		}
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

// What the system has taken when the loop is closed is still delivered.
func TestLoopCloseDoesNotReset(t *testing.T) {
	r := newRig(t)
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	defer nl.Close()
	c, err := tcp.Dial(r.lp, nl.Addr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err) })
	r.no(err)
	r.until("connected", c.Readable)
	nc, err := nl.Accept()
	r.no(err)
	defer nc.Close()
	c.Write(make([]byte, 16*mebibyte))
	taken := 16*mebibyte - c.Buffered()
	r.no(r.lp.Close())
	nc.SetDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(nc)
	r.no(err)
	if len(b) < taken {
		t.Errorf("%d bytes were read, and the system had taken %d", len(b), taken)
	}
}
