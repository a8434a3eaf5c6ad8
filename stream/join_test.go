package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A relay is a client and a server with a pipe between them, all on one loop.
type relay struct {
	*rig
	client, a, b, server *tcp.Conn
	most                 int // bytes queued in the pipe, in one direction, after any callback
	ended                []stream.Joined
}

func newRelay(r *rig, o *tcp.Options) *relay {
	r.Helper()
	v := &relay{rig: r}
	v.client, v.a = r.pairOf(o, o)
	v.server, v.b = r.pairOf(o, o)
	r.no(stream.Join(v.a, v.b, func(p stream.Joined) { v.ended = append(v.ended, p) }))
	return v
}

func (v *relay) done() bool {
	v.most = max(v.most, v.a.Buffered(), v.b.Buffered())
	return len(v.ended) > 0
}

// over checks how the pipe has ended.
func (v *relay) over(ab, ba int64, err error) {
	v.Helper()
	v.until("the pipe has ended", v.done)
	v.turns(3)
	v.equal("ends", len(v.ended), 1)
	p := v.ended[0]
	v.equal("bytes from a to b", p.AB, ab)
	v.equal("bytes from b to a", p.BA, ba)
	if err == nil {
		v.no(p.Err)
	}
	v.is(p.Err, err)
	v.equal("queued", stream.Queued(v.lp), 0)
}

// send writes a pattern of n bytes to c, at its pace, and then ends that side.
func send(c *tcp.Conn, n int) {
	var p pattern
	c.OnWrite = func(c *tcp.Conn) {
		if p.at == n {
			c.CloseWrite()
			return
		}
		c.Write(p.next(min(1+p.at%50_000, n-p.at)))
	}
	c.OnWrite(c)
}

// receive checks the pattern, and notes the end.
func (v *relay) receive(c *tcp.Conn) (got *pattern, eof *bool) {
	got, eof = new(pattern), new(bool)
	c.OnRead = func(c *tcp.Conn, p []byte) {
		if err := got.check(p); err != nil {
			v.Error(err)
			c.OnRead = nil
		}
		v.done()
	}
	c.OnEOF = func(*tcp.Conn) { *eof = true }
	return got, eof
}

func TestJoin(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for _, sizes := range [][2]int{{0, 0}, {1, 0}, {100, 3_000_000}, {3_000_000, 1_000_000}} {
			v := newRelay(r, nil)
			there, thereEnd := v.receive(v.server)
			back, backEnd := v.receive(v.client)
			send(v.client, sizes[0])
			send(v.server, sizes[1])
			v.over(int64(sizes[0]), int64(sizes[1]), nil)
			r.until("both ends have passed", func() bool { return *thereEnd && *backEnd })
			r.equal("bytes there", there.at, sizes[0])
			r.equal("bytes back", back.at, sizes[1])
			if v.most > stream.JoinMost {
				t.Errorf("%d bytes were queued", v.most)
			}
		}
		r.run()
	})
}

// Either side is the slower one for a while: the other is held back, and nothing
// is lost.
func TestJoinHoldsTheFasterSideBack(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		v := newRelay(r, &tcp.Options{ReadBuffer: 16 << 10, WriteBuffer: 16 << 10})
		const total = 2 * mebibyte
		there, thereEnd := v.receive(v.server)
		back, backEnd := v.receive(v.client)
		r.no(v.server.PauseRead())
		send(v.client, total)
		send(v.server, total)
		r.until("one way is through", func() bool { v.done(); return *backEnd })
		r.equal("bytes back", back.at, total)
		turns := r.lp.Metrics().Turns
		r.rest(20 * time.Millisecond)
		if n := r.lp.Metrics().Turns - turns; n > 10 {
			t.Errorf("%d turns while nothing could move", n)
		}
		if there.at > 0 || *thereEnd {
			t.Error("a paused connection has read")
		}
		r.no(v.server.ResumeRead())
		v.over(total, total, nil)
		r.until("the other way is through", func() bool { return *thereEnd })
		r.equal("bytes there", there.at, total)
		if v.most > stream.JoinMost {
			t.Errorf("%d bytes were queued", v.most)
		}
	})
}

func TestJoinHalfClose(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for _, clientFirst := range []bool{true, false} {
			v := newRelay(r, nil)
			first, second := v.client, v.server
			if !clientFirst {
				first, second = second, first
			}
			_, end := v.receive(second)
			answer, over := v.receive(first)
			r.no(first.CloseWrite())
			r.until("the end has passed", func() bool { return *end })
			r.rest(5 * time.Millisecond)
			r.equal("ended", v.done() || *over, false)
			second.Write(new(pattern).next(1000))
			r.until("the answer has passed", func() bool { return answer.at == 1000 })
			r.no(second.CloseWrite())
			r.until("the second end has passed", func() bool { return *over })
			if clientFirst {
				v.over(0, 1000, nil)
			} else {
				v.over(1000, 0, nil)
			}
		}
		r.run()
	})
}

func TestJoinPassesResets(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for _, c := range []struct {
			what    string
			reset   func(v *relay) *tcp.Conn // what sees it
			stalled bool                     // the server does not read, and much is on its way
			reason  error
		}{
			{"of the client", func(v *relay) *tcp.Conn { r.no(v.client.Abort()); return v.server }, false, syscall.ECONNRESET},
			{"of the server", func(v *relay) *tcp.Conn { r.no(v.server.Abort()); return v.client }, false, syscall.ECONNRESET},
			{"of a stalled server", func(v *relay) *tcp.Conn { r.no(v.server.Abort()); return v.client }, true, syscall.ECONNRESET},
			{"of a", func(v *relay) *tcp.Conn { r.no(v.a.Abort()); return v.server }, false, stream.ErrAborted},
			{"of b, stalled", func(v *relay) *tcp.Conn { r.no(v.b.Abort()); return v.client }, true, stream.ErrAborted},
		} {
			v := newRelay(r, small)
			if c.stalled {
				r.no(v.server.PauseRead())
				v.client.Write(make([]byte, 4*mebibyte))
				r.until("a good deal is queued", func() bool { return v.b.Buffered() >= 64<<10 })
				r.rest(5 * time.Millisecond)
			}
			var seen error
			sees := c.reset(v)
			sees.OnClose = func(_ *tcp.Conn, err error) { seen = err }
			r.until("it is seen "+c.what, func() bool { return seen != nil && v.done() })
			r.is(seen, syscall.ECONNRESET)
			r.is(v.ended[0].Err, c.reason)
			if !c.stalled {
				v.over(0, 0, c.reason)
			}
			v.server.CloseNow()
		}
		r.run()
	})
}

// Close of one end closes the other, after what has been passed on.
func TestJoinClosed(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		v := newRelay(r, nil)
		got, _ := v.receive(v.server)
		v.server.OnEOF = nil
		v.server.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF) }
		v.client.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF) }
		v.client.Write(new(pattern).next(300_000))
		r.until("it has passed", func() bool { return got.at == 300_000 })
		r.no(v.a.Close())
		v.over(300_000, 0, nil)
		r.run()
	})
}

// OnClose is still called, before done; the connections can be piped while one of
// them is being dialed, paused, or half over.
func TestJoinBegins(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		got := new(pattern)
		target := r.listen(nil, func(c *tcp.Conn) {
			c.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }
			c.OnEOF = func(c *tcp.Conn) {
				c.WriteString("answer")
				c.CloseWrite()
			}
		})
		client, a := r.pair()
		const total = mebibyte // more than may wait for the dial
		send(client, total)
		order := ""
		answer := ""
		client.OnRead = func(_ *tcp.Conn, p []byte) { answer += string(p) }
		client.OnEOF = func(*tcp.Conn) {}
		a.OnClose = func(*tcp.Conn, error) { order += "a " }
		b, err := tcp.Dial(r.lp, target.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err) })
		r.no(err)
		b.OnClose = func(*tcp.Conn, error) { order += "b " }
		r.no(a.PauseRead())
		r.no(stream.Join(a, b, func(p stream.Joined) {
			r.no(p.Err)
			order += "done"
		}))
		r.until("it is over", func() bool { return len(order) == len("a b done") && answer != "" })
		if order != "a b done" && order != "b a done" {
			t.Errorf("order: %s", order)
		}
		r.equal("bytes", got.at, total)
		r.equal("answer", answer, "answer")

		// The peer has ended its side, and that was told, before there is a pipe.
		client, a = r.pair()
		ended := false
		a.OnEOF = func(*tcp.Conn) { ended = true }
		r.no(client.CloseWrite())
		r.until("the end is read", func() bool { return ended })
		other, b2 := r.pair()
		over := false
		other.OnEOF = func(*tcp.Conn) { over = true }
		r.no(stream.Join(a, b2, nil))
		r.until("the end has passed", func() bool { return over })
		r.no(other.CloseWrite())
		r.no(target.Close())
		r.run()
	})
}

// A dial that fails resets the other side.
func TestJoinToNowhere(t *testing.T) {
	r := newRig(t)
	client, a := r.pair()
	var seen error
	client.OnClose = func(_ *tcp.Conn, err error) { seen = err }
	b, err := tcp.Dial(r.lp, r.refused(), nil, func(*tcp.Conn, error) {})
	r.no(err)
	var p *stream.Joined
	r.no(stream.Join(a, b, func(e stream.Joined) { p = &e }))
	r.run()
	r.is(seen, syscall.ECONNRESET)
	r.is(p.Err, syscall.ECONNREFUSED)
}

// A peer that reads nothing is given up on by its WriteTimeout, and the other side
// with it.
func TestJoinWriteTimeout(t *testing.T) {
	r := newSimRig(t)
	v := newRelay(r, &tcp.Options{WriteTimeout: 10 * second})
	r.no(v.server.PauseRead())
	began := r.lp.UpdateNow()
	v.client.Write(make([]byte, mebibyte))
	r.no(v.client.SetWriteTimeout(0))
	r.forever(v.done)
	between(t, "it took", r.lp.UpdateNow().Sub(began), 10*second, 13*second)
	r.is(v.ended[0].Err, os.ErrDeadlineExceeded)
}

// A proxy shuts down: what ends in time passes wholly, and the rest is cut off on
// both sides, with the same reason.
func TestJoinShutdown(t *testing.T) {
	for name, c := range map[string]struct {
		ends bool
		want error
	}{"ends in time": {true, nil}, "does not": {false, loop.ErrShutdown}} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				v := newRelay(r, nil)
				there, thereEnd := v.receive(v.server)
				back, backEnd := v.receive(v.client)
				const total = mebibyte
				send(v.server, total)
				if c.ends {
					send(v.client, total)
				} else { // the server's bytes arrive, and then all wait
					r.until("it is all back", func() bool { return back.at == total && *backEnd })
				}
				grace := 50 * ms
				if c.ends {
					grace = patience
				}
				var report loop.ShutdownReport
				r.no(r.lp.Shutdown(r.Context(), grace, func(s loop.ShutdownReport) { report = s }))
				r.run()
				r.equal("ends", len(v.ended), 1)
				r.equal("bytes back", back.at, total)
				if c.ends {
					r.no(v.ended[0].Err)
					r.no(report.Err)
					r.equal("finished", report.Finished, 4)
					r.equal("bytes there", there.at, total)
					r.equal("ends have passed", *thereEnd && *backEnd, true)
				} else {
					r.is(v.ended[0].Err, c.want)
					r.equal("cut", report.Cut, 4)
				}
				r.equal("handles left", len(r.handles()), 0)
			})
		})
	}
}

func TestJoinMisuse(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	never := func(stream.Joined) { t.Error("done is called") }
	r.is(stream.Join(nil, nil, never), os.ErrInvalid)
	r.is(stream.Join(a, nil, never), os.ErrInvalid)
	r.is(stream.Join(a, a, never), os.ErrInvalid)
	other, _ := newRig(t).pair()
	r.is(stream.Join(a, other, never), os.ErrInvalid)
	c, d := r.pair()
	r.no(stream.Join(a, c, nil))
	r.is(stream.Join(a, b, never), os.ErrInvalid)
	r.is(stream.Join(b, c, never), os.ErrInvalid)
	r.no(d.Close())
	err := stream.Join(b, d, never)
	r.is(err, net.ErrClosed)
	var op *net.OpError
	r.equal("names the operation", errors.As(err, &op) && op.Op == "join", true)
	r.no(b.Close())
	r.run()
}

// Passing on takes no memory, neither freely nor with pauses.
func TestJoinAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for name, c := range map[string]struct {
		size int
		o    *tcp.Options
	}{
		"small": {100, nil}, "large": {60_000, nil}, "with pauses": {600_000, small},
	} {
		r := newRig(t)
		v := newRelay(r, c.o)
		got := 0
		v.server.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		bufs := [][]byte{make([]byte, c.size)}
		trip := func() {
			v.client.WriteBuffers(bufs, nil)
			for want := got + c.size; got < want; {
				if _, err := r.lp.RunNoWait(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 50 {
			trip()
		}
		if n := testing.AllocsPerRun(100, trip); n != 0 {
			t.Errorf("%s: %v allocations for %d bytes", name, n, c.size)
		}
	}
}
