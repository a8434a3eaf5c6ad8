package stream_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// The listener counts a connection until it has ended, wherever that is.
func TestMoveToAndTheListener(t *testing.T) {
	onTwo(t, func(r *two) {
		var accepted []*tcp.Conn
		ln := r.listen(&tcp.Options{MaxConns: 1}, func(c *tcp.Conn) { accepted, c.OnRead = append(accepted, c), stream.Discard })
		a := r.dial(ln, nil)
		r.both("it is accepted", func() bool { return len(accepted) == 1 })
		r.goes(accepted[0], r.q.lp)
		b := r.dial(ln, nil)
		r.turns(20)
		r.q.turns(20)
		r.equal("accepted beyond MaxConns", len(accepted), 1)
		r.equal("open", ln.Metrics().Open, 1)
		a.Close()
		r.both("the next is accepted", func() bool { return len(accepted) == 2 })
		r.equal("open", ln.Metrics().Open, 1)
		r.goes(accepted[1], r.q.lp)
		r.goes(accepted[1], r.lp) // and back, where it counts as ever
		b.Close()
		r.both("none is open", func() bool { return ln.Metrics().Open == 0 })
		if m := ln.Metrics(); m.Accepted != 2 {
			r.Fatalf("the listener counts %+v", m)
		}
	})
}

// OnShutdown goes along, as it was.
func TestMoveToAndShutdown(t *testing.T) {
	onTwo(t, func(r *two) {
		var accepted []*tcp.Conn
		ln := r.listen(nil, func(c *tcp.Conn) { accepted, c.OnRead = append(accepted, c), stream.Discard })
		told := 0
		ln.OnShutdown = func(c *tcp.Conn) {
			if told++; c.Loop() != r.q.lp {
				r.Error("OnShutdown was called elsewhere")
			}
			c.Close()
		}
		r.dial(ln, nil)
		r.dial(ln, nil)
		r.both("they are accepted", func() bool { return len(accepted) == 2 })
		r.goes(accepted[0], r.q.lp)
		r.goes(accepted[1], r.q.lp)
		ln.OnShutdown = nil
		var report *loop.ShutdownReport
		r.no(r.q.lp.Shutdown(context.Background(), time.Minute, func(s loop.ShutdownReport) { report = &s }))
		r.q.turns(1)
		r.equal("calls of OnShutdown", told, 2)
		r.both("it is shut down", func() bool { return report != nil })
		if report.Err != nil || report.Finished != 2 {
			r.Fatalf("%+v", *report)
		}
	})
}

// A loop that shuts down takes nobody, and lets nobody go.
func TestMoveToWhileShuttingDown(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		r.no(r.q.lp.Shutdown(context.Background(), time.Minute, nil))
		var told error
		r.no(b.MoveTo(r.q.lp, func(c *tcp.Conn, err error) {
			if told = err; c.Loop() != r.lp {
				r.Error("it is not where it was")
			}
		}))
		for range 20 { // r.q keeps running for the sake of nothing
			r.turns(1)
			r.q.turns(1)
		}
		r.is(told, loop.ErrShutdown)
		got := 0
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		a.WriteString("x")
		r.both("it works as before", func() bool { return got == 1 })
		r.no(r.lp.Shutdown(context.Background(), time.Minute, nil))
		r.is(b.MoveTo(r.q.lp, nil), loop.ErrShutdown)
	})
}

// What is on its way to a loop that closes ends with that loop.
func TestMoveToALoopThatCloses(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		order := ""
		b.OnClose = func(c *tcp.Conn, _ error) {
			if order += " closed"; c.Loop() != r.q.lp {
				r.Error("it has closed elsewhere")
			}
		}
		r.no(b.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) { r.no(err); order += "moved" }))
		r.turns(3)
		r.equal("before the new loop has run", order, "")
		r.is(b.Post(func(*tcp.Conn) { r.Error("a function was called after Close") }), nil)
		r.no(r.q.lp.Close())
		r.equal("order", order, "moved closed")
		r.is(b.Post(func(*tcp.Conn) {}), net.ErrClosed)
		r.until("the peer sees it", a.Closing)
	})
}

// A loop that was closed before the connection was under way leaves it where it was, with what was posted.
func TestMoveToALoopThatHasClosed(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		var told error
		posted := false
		r.no(b.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) { told = err }))
		r.no(b.Post(func(*tcp.Conn) { posted = true }))
		r.no(r.q.lp.Close())
		r.until("it is told", func() bool { return told != nil && posted })
		r.is(told, net.ErrClosed)
		got := 0
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		a.WriteString("x")
		r.until("it works as before", func() bool { return got == 1 })
	})
}

// The loop that a connection has left can close while that is on its way.
func TestMoveToFromALoopThatCloses(t *testing.T) {
	onTwo(t, func(r *two) {
		p := newRig(t)
		if _, simulated := r.lp.Maker().Poller().(*sim.Host); simulated {
			p = newRig(t, loop.Options{Poller: r.lp.Maker().Poller().(*sim.Host).Process("third")})
		}
		from := &two{p, r.q}
		var b *tcp.Conn
		ln := from.listen(nil, func(c *tcp.Conn) { b, c.OnRead = c, stream.Discard })
		a, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) { r.no(err); c.OnRead = stream.Discard })
		r.no(err)
		from.keepRunning()
		r.both("it is accepted", func() bool { from.turns(1); return b != nil && a.Writable() })
		moved := false
		r.no(b.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) { r.no(err); moved = true }))
		from.turns(3)
		r.no(from.lp.Close())
		r.both("it has moved", func() bool { return moved })
		got := 0
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		a.WriteString("x")
		r.both("it works", func() bool { return got == 1 })
		a.Close()
		r.both("it has ended", b.Closing)
	})
}

// Timeouts go on where they stand.
func TestMoveToWithTimeouts(t *testing.T) {
	for name, set := range map[string]func(r *two, c *tcp.Conn){
		"deadline": func(r *two, c *tcp.Conn) { r.no(c.SetReadDeadline(10 * time.Second)) },
		"idle":     func(r *two, c *tcp.Conn) { r.no(c.SetIdleTimeout(10 * time.Second)) },
		"read":     func(r *two, c *tcp.Conn) { r.no(c.SetReadTimeout(10 * time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := sim.New(1, sim.Config{}).Host("host")
			r := &two{newRig(t, loop.Options{Poller: h}), newRig(t, loop.Options{Poller: h.Process("other")})}
			r.keepRunning()
			_, b := r.pair()
			set(r, b)
			var ended time.Duration
			began := r.lp.UpdateNow()
			b.OnClose = func(_ *tcp.Conn, err error) {
				r.is(err, os.ErrDeadlineExceeded)
				ended = r.q.lp.UpdateNow().Sub(began)
			}
			r.pass(4 * time.Second)
			r.goes(b, r.q.lp)
			r.q.pass(3 * time.Second)
			r.goes(b, r.lp)
			r.goes(b, r.q.lp)
			r.q.pass(2 * time.Second)
			r.equal("time of the end", ended, 0*time.Second)
			r.q.pass(5 * time.Second)
			if ended < 10*time.Second || ended > 11*time.Second {
				r.Fatalf("it has ended after %v", ended)
			}
		})
	}
}

// Watermarks are told as if nothing had been, and the loop's limit is the new loop's.
func TestMoveToWithLimits(t *testing.T) {
	onTwo(t, func(r *two) {
		a, b := r.pair()
		r.no(a.PauseRead())
		levels := ""
		r.no(b.SetWatermarks(&stream.Watermarks{High: 64 << 10, Low: 1 << 10,
			OnHigh: func(*tcp.Conn) { levels += "high " }, OnLow: func(*tcp.Conn) { levels += "low " }}))
		r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 1 << 20, Policy: stream.PauseReads}))
		r.no(stream.SetLoopLimit(r.q.lp, &stream.QueueLimit{Bytes: 64 << 20, Policy: stream.PauseReads}))
		b.Write(make([]byte, 16<<20))
		r.turns(2)
		r.equal("Paused by the old loop's limit", b.Paused(), true)
		r.equal("levels", levels, "high ")
		r.goes(b, r.q.lp)
		r.equal("Paused by the new one's", b.Paused(), false)
		got := 0
		b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		a.WriteString("x")
		r.both("it reads", func() bool { return got == 1 })
		r.no(a.ResumeRead())
		r.both("the queue is empty", func() bool { return stream.Queued(r.q.lp) == 0 })
		r.equal("levels", levels, "high low ")
	})
}

// A loop goes on for the sake of a connection as long as that is there, unless it is not referenced.
func TestMoveToKeepsTheNewLoopRunning(t *testing.T) {
	r := &two{newRig(t), newRig(t)}
	a, b := r.pair()
	b.Unref()
	moved, unsupported := 0, false
	for _, c := range []*tcp.Conn{a, b} {
		r.no(c.MoveTo(r.q.lp, func(c *tcp.Conn, err error) {
			if unsupported = errors.Is(err, errors.ErrUnsupported); unsupported {
				r.no(c.Abort())
				return
			}
			r.no(err)
			moved++
		}))
	}
	r.run() // it ends, because nothing is left
	if unsupported {
		t.Skip("a connection stays with its loop on this system")
	}
	r.q.until("both have come", func() bool { return moved == 2 })
	r.equal("HasRef", b.HasRef(), false)
	r.equal("Alive", r.q.lp.Alive(), true)
	a.OnRead = nil
	a.Unref()
	r.equal("Alive", r.q.lp.Alive(), false)
	a.Close()
	b.Close()
	r.q.run()
}

// A panic of fn is one of a callback of the connection.
func TestMoveToWithAPanic(t *testing.T) {
	var panicked []loop.Handle
	o := loop.Options{OnPanic: func(h loop.Handle, _ any, _ []byte) { panicked = append(panicked, h) }}
	r := &two{newRig(t, o), newRig(t, o)}
	r.keepRunning()
	_, b := r.pair()
	var reason error
	b.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	unsupported := false
	r.no(b.MoveTo(r.q.lp, func(_ *tcp.Conn, err error) {
		unsupported = errors.Is(err, errors.ErrUnsupported)
		panic("of fn")
	}))
	r.both("it is aborted", func() bool { return reason != nil })
	r.is(reason, stream.ErrAborted)
	if len(panicked) != 1 || panicked[0] != loop.Handle(b) || !unsupported && b.Loop() != r.q.lp {
		t.Fatalf("OnPanic was told of %v", panicked)
	}
}
