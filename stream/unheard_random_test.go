package stream_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// Whoever pauses, sets and takes away OnRead at random gets every byte once, in order, and one end.
func TestKeptUnderRandomUse(t *testing.T) {
	bad, seeds := 0, uint64(300)
	if checked {
		seeds = 30
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := sim.New(seed, sim.Config{Faults: sim.Light().Without(sim.Refuse, sim.Reset, sim.Timeout)})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		var s *tcp.Conn
		var in, out pattern
		fail := func(f string, a ...any) { bad++; t.Logf("seed %d: "+f, append([]any{seed}, a...)...) }
		eofs, closed := 0, 0
		hasEOF := rnd.IntN(3) > 0
		wantEnd := rnd.IntN(3) // 0 fin, 1 rst, 2 fin then rst
		var reader func(c *tcp.Conn, p []byte)
		reader = func(c *tcp.Conn, p []byte) {
			if err := in.check(p); err != nil {
				fail("%v", err)
				in.at += len(p)
			}
			switch rnd.IntN(6) {
			case 0:
				c.PauseRead()
				r.after(time.Duration(rnd.IntN(30))*ms, func() { c.ResumeRead() })
			case 1:
				c.OnRead = nil
				r.after(time.Duration(rnd.IntN(300))*ms, func() { c.OnRead = reader })
			}
		}
		ln := r.listen(nil, func(c *tcp.Conn) {
			s = c
			if hasEOF {
				c.OnEOF = func(*tcp.Conn) { eofs++ }
			}
			c.OnClose = func(*tcp.Conn, error) { closed++ }
		})
		d := r.dial(ln, nil)
		r.until("accepted", func() bool { return s != nil })
		ln.Close()
		n := rnd.IntN(8)
		for range n {
			d.Write(out.next(1 + rnd.IntN(40000)))
			if rnd.IntN(2) == 0 {
				r.pass(time.Duration(rnd.IntN(5)) * ms)
			}
			switch rnd.IntN(8) {
			case 0:
				s.PauseRead()
				r.after(time.Duration(rnd.IntN(800))*ms, func() { s.ResumeRead() })
			case 1:
				s.OnRead = reader
			case 2:
				s.Write([]byte("hey"))
			}
		}
		switch wantEnd {
		case 0:
			d.CloseWrite()
		case 1:
			r.pass(time.Duration(rnd.IntN(5)) * ms)
			d.Abort()
		case 2:
			d.CloseWrite()
			r.after(time.Duration(rnd.IntN(200))*ms, func() { d.Abort() })
		}
		late := time.Duration(rnd.IntN(700)) * ms
		if rnd.IntN(2) == 0 {
			r.after(late, func() { s.OnRead = reader; s.ResumeRead() })
		} else {
			r.lp.Post(func() { s.OnRead = reader; s.ResumeRead() })
		}
		r.pass(5 * time.Second)
		orderly := wantEnd == 0
		if orderly && in.at != out.at || (!orderly || !hasEOF) && closed != 1 || orderly && hasEOF && eofs != 1 || eofs > 1 {
			fail("received %d of %d, eofs %d closed %d end %d hasEOF %v", in.at, out.at, eofs, closed, wantEnd, hasEOF)
		}
		s.Abort()
		d.Abort()
		r.pass(10 * ms)
		if closed != 1 {
			fail("closed %d", closed)
		}
		r.lp.Close()
	}
	if bad > 0 {
		t.Fatal(bad)
	}
}
