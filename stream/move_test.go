package stream_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// Two are two loops of one goroutine, which take turns.
type two struct {
	*rig // the loop that connections begin on
	q    *rig
}

// onTwo runs a test on two loops of the system and of a simulated machine.
func onTwo(t *testing.T, test func(r *two)) {
	t.Helper()
	t.Run("system", func(t *testing.T) {
		r := &two{newRig(t), newRig(t)}
		r.keepRunning()
		here, there := r.pair()
		moves := true
		r.no(there.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) { moves = !errors.Is(err, errors.ErrUnsupported) }))
		r.both("a connection can move or not", func() bool { return !moves || there.Loop() == r.q.lp })
		if !moves {
			t.Skip("a connection stays with its loop on this system")
		}
		r.no(here.Close())
		r.both("both loops are empty", func() bool { return len(r.handles())+len(r.q.handles()) == 2 })
		test(r)
	})
	t.Run("simulator", func(t *testing.T) {
		h := sim.New(1, sim.Config{}).Host("host")
		r := &two{newRig(t, loop.Options{Poller: h}), newRig(t, loop.Options{Poller: h.Process("other")})}
		r.keepRunning()
		test(r)
	})
}

// keepRunning has both go on without a connection.
func (r *two) keepRunning() {
	for _, lp := range []*loop.Loop{r.lp, r.q.lp} {
		_, err := lp.NewAsync(func() {})
		r.no(err)
	}
}

// both runs turns of both loops until cond holds.
func (r *two) both(what string, cond func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if r.turns(1); !cond() {
			r.q.turns(1)
		}
		if time.Now().After(end) {
			r.Fatalf("waited in vain until %s; handles: %v and %v", what, r.handles(), r.q.handles())
		}
	}
}

// goes moves c to lp, and waits for that.
func (r *two) goes(c *tcp.Conn, lp *loop.Loop) {
	r.Helper()
	told := 0
	r.no(c.MoveTo(lp, func(moved *tcp.Conn, err error) {
		r.no(err)
		if told++; moved != c || c.Loop() != lp {
			r.Fatal("fn was called with another connection, or on another loop")
		}
	}))
	r.both("it has moved", func() bool { return told > 0 })
	r.equal("calls of fn", told, 1)
}

// Everything that a connection has goes along.
func TestMoveTo(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		var in, out, back pattern
		b.Context = "mine"
		b.OnRead = func(c *tcp.Conn, p []byte) { r.no(in.check(p)); c.Write(p) }
		a.OnRead = func(_ *tcp.Conn, p []byte) { r.no(back.check(p)) }
		closes := 0
		b.OnClose = func(*tcp.Conn, error) { closes++ }
		for i, lp := range []*loop.Loop{r.q.lp, r.lp, r.lp, r.q.lp} { // the third is where it is already
			a.Write(out.next(1000 + i))
			r.goes(b, lp)
			a.Write(out.next(100_000))
			r.both("it comes back", func() bool { return back.at == out.at })
		}
		r.equal("Context", b.Context, any("mine"))
		r.turns(1)
		r.q.turns(1)
		if m, n := r.lp.Metrics().Conns, r.q.lp.Metrics().Conns; m.Open != 1 || n.Open != 1 {
			r.Fatalf("the loops count %+v and %+v", m, n)
		}
		a.CloseWrite()
		r.both("both have ended", func() bool { return closes == 1 && a.Closing() })
		r.equal("bytes received", in.at, out.at)
	})
}

// What is queued goes along, with the functions of its writes, files and the end behind them.
func TestMoveToWithOutput(t *testing.T) {
	var written pattern
	size := 3 << 20
	f := fileOf(t, &written, size)
	onTwo(t, func(r *two) {
		a, b := r.pair()
		r.no(a.PauseRead())
		var told []int
		note := func(i int) func(error) { return func(err error) { r.no(err); told = append(told, i) } }
		var out pattern
		out.at = size // so that the file's pattern comes first
		r.no(b.SendFile(f, 0, -1, note(0)))
		b.Write(out.next(300))
		r.no(b.WriteBuffers([][]byte{out.next(1 << 20), out.next(10)}, note(1)))
		b.Write(out.next(1 << 20))
		r.no(b.WriteBuffers([][]byte{out.next(200)}, note(2)))
		r.no(b.CloseWrite())
		r.turns(3)
		queued := stream.Queued(r.lp)
		r.goes(b, r.q.lp)
		if n, left := stream.Queued(r.q.lp), stream.Queued(r.lp); queued == 0 || left != 0 || n == 0 {
			r.Fatalf("%d bytes were queued; now %d are on the old loop and %d on the new", queued, left, n)
		}
		var in pattern
		ended := false
		a.OnRead = func(_ *tcp.Conn, p []byte) { r.no(in.check(p)) }
		a.OnEOF = func(*tcp.Conn) { ended = true }
		r.no(a.ResumeRead())
		for i := 0; !ended; i++ { // there and back meanwhile
			r.goes(b, []*loop.Loop{r.lp, r.q.lp}[i%2])
			r.both("some more arrives", func() bool { return ended || in.at >= min(out.at, (i+1)<<19) })
		}
		r.equal("bytes received", in.at, out.at)
		if len(told) != 3 || told[0] != 0 || told[1] != 1 || told[2] != 2 {
			r.Fatalf("functions were called in the order %v", told)
		}
		r.equal("bytes queued in the end", stream.Queued(r.lp)+stream.Queued(r.q.lp), 0)
	})
}

// What was read and is not used yet goes along, and so does the end behind it.
func TestMoveToWithInput(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		calls := 0
		b.OnRead = func(c *tcp.Conn, p []byte) {
			if calls++; len(p) < 10 && c.Readable() {
				r.no(c.Unread(p))
				r.no(c.Need(10))
			}
			if len(p) == 10 {
				calls = 100
			}
		}
		a.WriteString("12345")
		r.both("some of it was read", func() bool { return calls == 1 })
		r.goes(b, r.q.lp)
		r.q.turns(3)
		r.equal("calls of OnRead", calls, 1)
		a.WriteString("67890")
		r.both("all of it was read", func() bool { return calls == 100 })

		r.no(b.PauseRead())
		a.WriteString("paused")
		got, ended := "", false
		r.goes(b, r.lp)
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		b.OnEOF = func(*tcp.Conn) { ended = true }
		a.CloseWrite()
		r.both("it was sent", func() bool { return a.Buffered() == 0 })
		r.turns(20)
		r.equal("read while paused", got, "")
		r.goes(b, r.q.lp)
		r.equal("Paused", b.Paused(), true)
		r.no(b.ResumeRead())
		r.both("it was read", func() bool { return ended })
		r.equal("read", got, "paused")
		r.goes(b, r.lp) // with one side ended
		b.Close()
		r.both("both are closed", func() bool { return a.Closing() && b.Closing() })
	})
}

// A connection without an OnRead goes along, too, and one that OnRead is set for on the new loop is heard.
func TestMoveToUnheard(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		b.OnRead = nil
		r.turns(2)
		a.WriteString("hello")
		r.turns(5)
		r.goes(b, r.q.lp)
		got := ""
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		r.both("it is heard", func() bool { return got == "hello" })
	})
}

// What is posted comes once, in order, and where the connection is.
func TestMoveToWithPosts(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		var in pattern
		a.OnRead = func(_ *tcp.Conn, p []byte) { r.no(in.check(p)) }
		var out pattern
		var where []*loop.Loop
		post := func(c *tcp.Conn) {
			r.no(c.Post(func(c *tcp.Conn) { where = append(where, c.Loop()) }))
			r.no(c.AsyncWrite(out.next(700)))
		}
		post(b)
		r.no(b.MoveTo(r.q.lp, func(c *tcp.Conn, err error) { r.no(err); where = append(where, nil); post(c) }))
		post(b)
		r.turns(3) // it has gone
		post(b)
		r.both("all was called", func() bool { return len(where) == 5 && in.at == out.at })
		for i, want := range []*loop.Loop{r.lp, nil, r.q.lp, r.q.lp, r.q.lp} {
			if where[i] != want {
				r.Fatalf("call %d was on the wrong loop, or is in the wrong place", i)
			}
		}
	})
}

// A move that cannot be leaves the connection where it was.
func TestMoveToRefused(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		works := func() {
			r.Helper()
			got := 0
			b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
			a.WriteString("x")
			r.both("it works as before", func() bool { return got == 1 })
			r.equal("Loop", b.Loop(), r.lp)
		}
		unexpected := func(*tcp.Conn, error) { r.Error("fn was called although MoveTo returned an error") }
		r.is(b.MoveTo(nil, unexpected), os.ErrInvalid)
		closed := newRig(r, loop.Options{Poller: nil})
		r.no(closed.lp.Close())
		r.is(b.MoveTo(closed.lp, unexpected), net.ErrClosed)
		var op *net.OpError
		if err := b.MoveTo(closed.lp, unexpected); !errors.As(err, &op) || op.Op != "move" || op.Addr == nil {
			r.Fatalf("the error does not say what failed where: %v", err)
		}
		works()

		fresh, err := tcp.Dial(r.lp, b.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		r.no(err)
		r.is(fresh.MoveTo(r.q.lp, unexpected), syscall.ENOTCONN)
		fresh.Close()

		told := 0
		r.no(b.MoveTo(r.lp, func(_ *tcp.Conn, err error) { r.no(err); told++ }))
		r.is(b.MoveTo(r.q.lp, unexpected), syscall.EALREADY)
		r.both("it has moved to where it was", func() bool { return told == 1 })
		works()

		c, d := r.pair()
		r.no(stream.Join(b, c, nil))
		r.is(b.MoveTo(r.q.lp, unexpected), os.ErrInvalid)
		d.Close()
		r.both("the join has ended", func() bool { return b.Closing() })
		r.is(b.MoveTo(r.q.lp, unexpected), net.ErrClosed)
		r.both("it is closed", func() bool { return len(r.handles()) == 1 })
		r.is(b.MoveTo(r.q.lp, unexpected), net.ErrClosed)
	})
}

// A layer that cannot move, or is not ready, says so.
func TestMoveToWithLayer(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		greets := layertest.Greeting{Word: "good morning"}
		ready := 0
		r.no(b.StartLayer(greets, func(_ *tcp.Conn, err error) { r.no(err); ready++ }))
		r.is(b.MoveTo(r.q.lp, nil), syscall.EBUSY)
		r.no(a.StartLayer(greets, func(_ *tcp.Conn, err error) { r.no(err); ready++ }))
		r.both("the layer is ready", func() bool { return ready == 2 })
		r.is(b.MoveTo(r.q.lp, nil), errors.ErrUnsupported)
		got := 0
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		a.WriteString("x")
		r.both("it works as before", func() bool { return got == 1 })
	})
}

// A connection that closes first has its function told, before OnClose.
func TestMoveToAndClose(t *testing.T) {
	onTwo(t, func(r *two) {
		for name, end := range map[string]func(c *tcp.Conn){
			"Close":     func(c *tcp.Conn) { r.no(c.Close()) },
			"Abort":     func(c *tcp.Conn) { r.no(c.Abort()) },
			"in a post": func(c *tcp.Conn) { r.no(c.Post(func(c *tcp.Conn) { c.Close() })) },
		} {
			a, b := r.pair()
			order := ""
			b.OnClose = func(*tcp.Conn, error) { order += " closed" }
			after := name == "in a post"
			r.no(b.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) {
				order += "moved"
				if !after {
					r.is(err, net.ErrClosed)
				}
			}))
			end(b)
			r.both(name+": both have ended", func() bool { return a.Closing() && order == "moved closed" })
		}
	})
}
