package stream_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A farm is the world of a server that has several loops. It echoes, and each connection goes to
// another loop again and again: while it receives, while the peer takes nothing, from a function that was posted, at its end.
type farm struct {
	w     *sim.World
	loops []*loop.Loop
	keep  []*loop.Async // one for each loop, so that it runs while it has no connection
	conns []*farmed
	left  int // clients that are not done
	size  int
	moves int
	stays int // moves that were refused
}

// A farmed is a connection of the farm.
type farmed struct {
	f      *farm
	c      *tcp.Conn
	opened int // calls of OnAccept
	closed int // calls of OnClose
	moving int // MoveTo that were not told yet
	high   bool
	posted [8]int // by each loop
	came   [8]int // of those
}

func farmWorld(w *sim.World) error {
	n := w.Param("loops")
	f := &farm{w: w, loops: make([]*loop.Loop, n), keep: make([]*loop.Async, n), left: w.Param("clients"), size: w.Param("size")}
	srv := w.Host("srv")
	for i := range n {
		h := srv
		if i > 0 {
			h = srv.Process(fmt.Sprint("loop", i))
		}
		w.Go(h, func(h *sim.Host) error { return f.serve(h, i) })
	}
	for i := range f.left {
		w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error { return f.client(h, i) })
	}
	err := w.Run()
	if err == nil && w.Param("faults") == 0 && f.moves == 0 && n > 1 {
		w.Errorf("nothing was moved")
		err = w.Err()
	}
	return err
}

// serve is a loop of the server. The first has the listener.
func (f *farm) serve(h *sim.Host, i int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	f.loops[i] = lp
	if f.keep[i], err = lp.NewAsync(func() {}); err != nil {
		return err
	}
	if err := stream.SetLoopLimit(lp, &stream.QueueLimit{Bytes: 16 << 10, Policy: stream.PauseReads}); err != nil {
		return err
	}
	if _, err = timer.Every(lp, 20*time.Millisecond, func() { f.poke(i) }); err != nil {
		return err
	}
	if i == 0 {
		o := &tcp.Options{
			DrainTimeout: 5 * time.Second, IdleTimeout: 20 * time.Second, WriteTimeout: 10 * time.Second,
			Watermarks: &stream.Watermarks{High: 8 << 10, Low: 1 << 10, OnHigh: f.level(true), OnLow: f.level(false)},
		}
		if f.w.Param("layer") > 0 {
			o.Layer = layer.Identity{}
		}
		ln, err := tcp.Listen(lp, ":7000", o)
		if err != nil {
			return err
		}
		ln.OnError = func(error) {}
		ln.OnAccept = f.accept
		timer.Every(lp, time.Second, func() { f.audit(ln) })
	}
	return lp.Run()
}

func of(c *tcp.Conn) *farmed { return c.Context.(*farmed) }

func (f *farm) level(high bool) func(*tcp.Conn) {
	return func(c *tcp.Conn) {
		m := of(c)
		if m.high == high {
			f.w.Errorf("high is %v twice in a row", high)
		}
		m.high = high
	}
}

func (f *farm) accept(c *tcp.Conn) {
	m := &farmed{f: f, c: c, opened: 1}
	f.conns = append(f.conns, m)
	c.Context = m
	c.OnRead = func(c *tcp.Conn, p []byte) {
		m.check(c)
		switch f.w.Rand().IntN(8) {
		case 0, 1:
			m.move()
		case 2: // what is unread goes along; at the peer's end it would be dropped
			if c.Readable() {
				c.Unread(p)
				m.move()
				return
			}
		case 3:
			c.PauseRead()
			m.move()
			c.Post(func(c *tcp.Conn) { c.ResumeRead() })
		}
		c.Write(p)
	}
	c.OnEOF = func(c *tcp.Conn) {
		m.check(c)
		m.move()
		c.Close()
	}
	c.OnWrite = func(c *tcp.Conn) {
		if m.check(c); f.w.Rand().IntN(4) == 0 {
			m.move()
		}
	}
	c.OnClose = func(c *tcp.Conn, err error) {
		m.check(c)
		if m.closed++; m.moving > 0 {
			f.w.Errorf("OnClose, and a move was not told")
		}
	}
	if f.w.Rand().IntN(2) == 0 {
		m.move()
	}
}

// check holds that a callback comes on the loop that the connection is on.
func (m *farmed) check(c *tcp.Conn) {
	if c != m.c || m.closed > 0 {
		m.f.w.Errorf("a callback of another connection, or after OnClose")
	}
	c.LocalAddr() // in race builds it panics on another goroutine
}

func (m *farmed) move() {
	f := m.f
	to := f.loops[f.w.Rand().IntN(len(f.loops))]
	from := m.c.Loop()
	if to == nil { // it has not begun
		return
	}
	err := m.c.MoveTo(to, func(c *tcp.Conn, err error) {
		m.check(c)
		m.moving--
		switch {
		case err == nil && c.Loop() != to, err != nil && c.Loop() != from:
			f.w.Errorf("it is on the wrong loop after a move that ended with %v", err)
		case err == nil:
			f.moves++
		case !errors.Is(err, net.ErrClosed):
			f.w.Errorf("a move: %v", err)
		default:
			f.stays++
		}
	})
	if err == nil {
		m.moving++
	}
}

// poke posts to a connection, from whatever loop, and has some of them move.
func (f *farm) poke(i int) {
	if len(f.conns) == 0 {
		return
	}
	m := f.conns[f.w.Rand().IntN(len(f.conns))]
	n := m.posted[i] + 1
	moves := f.w.Rand().IntN(2) == 0
	err := m.c.Post(func(c *tcp.Conn) {
		if m.check(c); m.came[i] != n-1 {
			f.w.Errorf("post %d of loop %d came after %d", n, i, m.came[i])
		}
		if m.came[i] = n; moves && !c.Closing() {
			m.move()
		}
	})
	if err == nil {
		m.posted[i] = n
	}
}

// audit ends the server when all is done.
func (f *farm) audit(ln *tcp.Listener) {
	open := 0
	for _, m := range f.conns {
		if m.closed > 1 || m.opened != 1 {
			f.w.Errorf("%d calls of OnAccept, and %d of OnClose", m.opened, m.closed)
		}
		if m.closed == 0 {
			open++
		}
	}
	if f.left > 0 || open > 0 {
		if f.w.Now() > poller.Time(10*time.Minute) {
			f.w.Errorf("%d clients and %d connections after 10 minutes", f.left, open)
		}
		return
	}
	// What the other loops have told the listener may still be on its way.
	f.loops[0].Post(func() {
		if s := ln.Metrics(); s.Open != 0 || s.Accepted != uint64(len(f.conns)) {
			f.w.Errorf("the listener counts %+v, after %d connections", s, len(f.conns))
		}
		if n := stream.Queued(f.loops[0]); n != 0 {
			f.w.Errorf("%d bytes are queued in the end", n)
		}
		if n := f.loops[0].Metrics().Conns; n.Open != 0 || n.Closing != 0 {
			f.w.Errorf("the loop counts %+v", n)
		}
		for _, lp := range f.loops {
			lp.Stop()
		}
	})
}

// client sends a pattern, and wants it back, or the beginning of it and an error.
func (f *farm) client(h *sim.Host, i int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer func() { lp.Close(); f.left-- }()
	var in, out pattern
	var reason error
	o := &tcp.Options{Timeout: time.Minute, IdleTimeout: time.Minute}
	if f.w.Param("layer") > 0 {
		o.Layer = layer.Identity{}
	}
	_, err = tcp.Dial(lp, "10.0.0.1:7000", o, func(c *tcp.Conn, err error) {
		if reason = err; err != nil {
			return
		}
		send := func(c *tcp.Conn) {
			for out.at < f.size && c.Buffered() < 4<<10 {
				c.Write(out.next(min(f.size-out.at, 1+f.w.Rand().IntN(3000))))
			}
			if out.at == f.size {
				c.OnWrite = nil
				c.CloseWrite()
			}
		}
		c.OnWrite = send
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if err := in.check(p); err != nil {
				f.w.Errorf("client %d: %v", i, err)
			}
			if f.w.Rand().IntN(8) == 0 {
				c.PauseRead()
				timer.After(lp, time.Duration(f.w.Rand().IntN(200))*time.Millisecond, func() { c.ResumeRead() })
			}
		}
		c.OnEOF = func(c *tcp.Conn) {
			if in.at != f.size {
				f.w.Errorf("client %d: %d bytes of %d, and then the end", i, in.at, f.size)
			}
			c.Close()
		}
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		send(c)
	})
	if err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if f.w.Param("faults") == 0 && in.at != f.size {
		f.w.Errorf("client %d: %d bytes of %d, and %v", i, in.at, f.size, reason)
	}
	return nil
}

func farmUnder(faults sim.Faults, layers int) sim.Config {
	heavy := 0
	if faults != sim.None() {
		heavy = 1
	}
	return sim.Config{Faults: faults, Params: []sim.Param{
		{Name: "loops", Value: 3, Min: 1}, {Name: "clients", Value: 4, Min: 1}, {Name: "size", Value: 60_000, Min: 1},
		{Name: "faults", Value: heavy, Min: heavy}, {Name: "layer", Value: layers, Min: 0},
	}}
}

// Whatever the network does, connections that move lose nothing, and each ends once.
func TestMovesUnderFaults(t *testing.T) {
	worlds := 1000
	if testing.Short() || checked {
		worlds = 40
	}
	heavy := sim.Heavy().Without(sim.Crash)
	sim.Explore(t, worlds, farmUnder(heavy, 0), farmWorld)
	sim.Explore(t, worlds/5, farmUnder(heavy, 1), farmWorld)
}

// Without a fault all of it comes back, and every world comes again as it was.
func TestMovesInEveryWorld(t *testing.T) {
	for name, faults := range map[string]sim.Faults{"none": sim.None(), "heavy": sim.Heavy().Without(sim.Crash)} {
		t.Run(name, func(t *testing.T) {
			worlds := uint64(30)
			if testing.Short() || checked {
				worlds = 4
			}
			for seed := range worlds {
				var hash [2]uint64
				for i := range hash {
					world, err := sim.Once(seed, farmUnder(faults, int(seed%2)), farmWorld)
					if err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					hash[i] = world.Hash()
				}
				if hash[0] != hash[1] {
					t.Errorf("seed %d: not the same twice", seed)
				}
			}
		})
	}
}
