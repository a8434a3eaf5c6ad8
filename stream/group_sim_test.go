package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
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

// A groupServer echoes on all loops of a group, and knows what it should have counted.
type groupServer struct {
	w      *sim.World
	h      *sim.Host
	g      *loop.Group
	ln     *tcp.GroupListener
	n      []int // open connections by loop
	most   int   // that were ever open
	begun  int
	ended  int
	closed int
	report loop.GroupReport
	opened []poller.Time // when each connection came in
	moves  bool          // connections go from loop to loop
	moved  int
}

// serve is the program of its host. It ends by Shutdown.
func (s *groupServer) serve(h *sim.Host, loops int, o *tcp.Options) error {
	g, err := loop.NewGroup(loop.GroupOptions{Loops: loops, Loop: loop.Options{Poller: h}})
	if err != nil {
		return err
	}
	if s.ln, err = tcp.ListenGroup(g, ":7000", o); err != nil {
		return errors.Join(err, g.Close())
	}
	s.h, s.g, s.n = h, g, make([]int, loops)
	s.ln.OnAccept = s.accept
	s.ln.OnError = func(error) {}
	s.ln.OnClose = func() { s.closed++ }
	if err := g.Run(context.Background(), nil); err != nil {
		return err
	}
	switch m := s.ln.Metrics(); {
	case m.Open != 0 || m.Layering != 0:
		return fmt.Errorf("in the end %d connections are open, and the layers of %d are not ready", m.Open, m.Layering)
	case m.Accepted != uint64(s.begun) || s.begun != s.ended:
		return fmt.Errorf("%d were accepted, with %d calls of OnAccept and %d of OnClose", m.Accepted, s.begun, s.ended)
	case s.closed != 1:
		return fmt.Errorf("OnClose of the listener was called %d times", s.closed)
	case h.Sockets() != 0:
		return fmt.Errorf("%d sockets are left", h.Sockets())
	}
	return nil
}

func (s *groupServer) accept(c *tcp.Conn) {
	_, i := c.Loop().Group()
	s.begun++
	s.n[i]++
	s.opened = append(s.opened, s.w.Now())
	s.most = max(s.most, s.begun-s.ended)
	c.OnRead = func(c *tcp.Conn, p []byte) {
		c.Write(p)
		if s.moves && s.w.Rand().IntN(2) == 0 {
			to := s.w.Rand().IntN(s.g.Len())
			c.MoveTo(s.g.At(to), func(c *tcp.Conn, err error) {
				if _, at := c.Loop().Group(); at != i {
					s.moved++
					s.n[i]--
					i = at
					s.n[i]++
				}
			})
		}
	}
	c.OnClose = func(*tcp.Conn, error) { s.ended++; s.n[i]-- }
	for j := range s.n {
		if n := s.ln.LoopMetrics(j).Open; n < s.n[j] { // more are on their way, or close
			s.w.Errorf("loop %d has %d connections, and counts %d", j, s.n[j], n)
		}
	}
}

func (s *groupServer) shutdown() {
	if s.g != nil {
		s.g.Shutdown(context.Background(), time.Minute, func(r loop.GroupReport) { s.report = r })
	}
}

// apart is how far the loops are apart.
func (s *groupServer) apart() int { return slices.Max(s.n) - slices.Min(s.n) }

// groupClient opens connections one after another, keeps each for a while, and sends a pattern on it that it
// wants back.
func groupClient(w *sim.World, h *sim.Host, conns int, stay time.Duration, o *tcp.Options) error {
	return loop.RunOn(h, func(lp *loop.Loop) error {
		var next func()
		next = func() {
			if conns--; conns < 0 {
				return
			}
			once := false
			again := func() {
				if !once {
					once = true
					timer.After(lp, time.Duration(w.Rand().Int64N(int64(stay))), next)
				}
			}
			tcp.Dial(lp, "srv:7000", &tcp.Options{IdleTimeout: time.Minute, Layer: o.Layer}, func(c *tcp.Conn, err error) {
				if err != nil {
					again()
					return
				}
				const size = 3000
				var out, in pattern
				c.Write(out.next(size))
				c.OnRead = func(c *tcp.Conn, p []byte) {
					if err := in.check(p); err != nil {
						w.Errorf("%s: %v", h.Name(), err)
					}
					if in.at == size {
						timer.After(lp, time.Duration(w.Rand().Int64N(int64(stay))), func() { c.Close() })
					}
				}
				c.OnClose = func(*tcp.Conn, error) { again() }
			})
		}
		next()
		return nil
	})
}

// groupWorld is a server with a group, and clients that come and go. When the last client has ended, it shuts
// down; or earlier, in the middle of what goes on.
func groupWorld(w *sim.World, s *groupServer, o *tcp.Options, early time.Duration) (*groupServer, error) {
	s.w = w
	w.Go(w.Host("srv"), func(h *sim.Host) error { return s.serve(h, w.Param("loops"), o) })
	clients := w.Param("clients")
	left := clients
	for i := range clients {
		w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error {
			err := groupClient(w, h, w.Param("conns"), time.Second, o)
			if left--; left == 0 {
				s.shutdown()
			}
			return err
		})
	}
	if early > 0 {
		w.At(early, s.shutdown)
	}
	return s, w.Run()
}

// groupWorlds is how many a test runs. Race and debug builds ask for the goroutine at each call, which takes a
// hundred times as long.
func groupWorlds() int {
	if checked {
		return 1
	}
	return 40
}

func groupParams(clients, conns int) []sim.Param {
	return []sim.Param{{Name: "loops", Value: 3, Min: 1}, {Name: "clients", Value: clients, Min: 1}, {Name: "conns", Value: conns, Min: 1}}
}

// TestGroupListenerUnderFaults: no byte is wrong, every OnClose comes once, and all counts are exact, however
// connections are divided and limited, and whenever the group shuts down.
func TestGroupListenerUnderFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     tcp.Options
		moves bool
	}{
		{"evenly, and they move", tcp.Options{Spread: tcp.SpreadEvenly}, true},
		{"by the system, few, and they move", tcp.Options{MaxConns: 3}, true},
		{"evenly, layers, and they move", tcp.Options{Spread: tcp.SpreadEvenly, Layer: layer.Identity{}}, true},
		{"evenly", tcp.Options{Spread: tcp.SpreadEvenly}, false},
		{"by the system", tcp.Options{}, false},
		{"evenly, few", tcp.Options{Spread: tcp.SpreadEvenly, MaxConns: 3}, false},
		{"by the system, few", tcp.Options{MaxConns: 3}, false},
		{"by the system, at a rate", tcp.Options{AcceptRate: 5, AcceptBurst: 2}, false},
		{"evenly, others refused", tcp.Options{Spread: tcp.SpreadEvenly, MaxConns: 2, AcceptPolicy: stream.Refuse}, false},
		{"by the system, others refused", tcp.Options{MaxConns: 2, AcceptPolicy: stream.Refuse}, false},
		{"evenly, layers", tcp.Options{Spread: tcp.SpreadEvenly, Layer: hello, MaxLayering: 2}, false},
		{"by the system, layers", tcp.Options{Layer: hello, MaxLayering: 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var moved atomic.Int64
			sim.Explore(t, groupWorlds(), sim.Config{Faults: sim.Heavy(), Params: groupParams(6, 4)}, func(w *sim.World) error {
				early := time.Duration(0)
				if w.Seed()%2 == 0 {
					early = time.Duration(w.Rand().Int64N(int64(5 * time.Second)))
				}
				o := c.o
				s, err := groupWorld(w, &groupServer{moves: c.moves}, &o, early)
				moved.Add(int64(s.moved))
				if err == nil && o.MaxConns > 0 && s.most > o.MaxConns {
					err = fmt.Errorf("%d connections at a time, where %d are the most", s.most, o.MaxConns)
				}
				return err
			})
			if c.moves != (moved.Load() > 0) {
				t.Errorf("%d connections have moved", moved.Load())
			}
		})
	}
}

// TestGroupListenerLimits: without faults each connection is served, never more are open than may be, the limit is made
// use of, and the rate holds.
func TestGroupListenerLimits(t *testing.T) {
	for _, spread := range []struct {
		name string
		of   tcp.Options
	}{{"evenly", tcp.Options{Spread: tcp.SpreadEvenly}}, {"by the system", tcp.Options{Spread: tcp.SpreadBySystem}}} {
		t.Run(spread.name+", MaxConns", func(t *testing.T) {
			sim.Explore(t, groupWorlds(), sim.Config{Params: groupParams(12, 3)}, func(w *sim.World) error {
				o := spread.of
				o.MaxConns = 5
				s, err := groupWorld(w, new(groupServer), &o, 0)
				switch all := w.Param("clients") * w.Param("conns"); {
				case err != nil:
					return err
				case s.most > 5 || all == 36 && s.most < 5:
					return fmt.Errorf("%d connections at a time", s.most)
				case s.begun != all:
					return fmt.Errorf("%d of %d connections were served", s.begun, all)
				}
				return nil
			})
		})
		t.Run(spread.name+", AcceptRate", func(t *testing.T) {
			sim.Explore(t, groupWorlds(), sim.Config{Params: groupParams(12, 3)}, func(w *sim.World) error {
				o := spread.of
				o.AcceptRate, o.AcceptBurst = 10, 4
				s, err := groupWorld(w, new(groupServer), &o, 0)
				if all := w.Param("clients") * w.Param("conns"); err == nil && s.begun != all {
					return fmt.Errorf("%d of %d connections were served", s.begun, all)
				}
				for i := range s.opened { // the token bucket: 4 at once, and then one each 100 ms
					for j := i + 4; j < len(s.opened); j++ {
						least := time.Duration(j-i-3) * 100 * time.Millisecond
						if took := s.opened[j].Sub(s.opened[i]); err == nil && took < least-time.Millisecond {
							return fmt.Errorf("%d connections came in within %v", j-i+1, took)
						}
					}
				}
				return err
			})
		})
	}
}

// TestGroupListenerIsEven: 1,000 connections that stay are within 2 of each other, and within 10 % of their mean while
// they come and go.
func TestGroupListenerIsEven(t *testing.T) {
	conns := 1000
	if checked {
		conns = 120
	}
	run := func(t *testing.T, seed uint64, churns bool) {
		w := sim.New(seed, sim.Config{})
		s := &groupServer{w: w}
		w.Go(w.Host("srv"), func(h *sim.Host) error { return s.serve(h, 4, &tcp.Options{Spread: tcp.SpreadEvenly}) })
		looks, apart := 0, 0
		w.Go(w.Host("cli"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				var open []*tcp.Conn
				dial := func() {
					tcp.Dial(lp, "srv:7000", nil, func(c *tcp.Conn, err error) {
						if err == nil {
							open = append(open, c)
						} else if !errors.Is(err, net.ErrClosed) { // that is the end
							w.Errorf("dial: %v", err)
						}
					})
				}
				for range conns {
					dial()
				}
				_, err := timer.Every(lp, 100*time.Millisecond, func() {
					if s.begun-s.ended < conns*9/10 && looks == 0 {
						return // they are still coming
					}
					apart = max(apart, s.apart())
					if looks++; looks == 50 {
						s.shutdown()
						lp.Shutdown(context.Background(), 0, nil)
					}
					for range conns / 20 {
						if !churns {
							break
						}
						i := w.Rand().IntN(len(open))
						open[i].Close()
						open = slices.Delete(open, i, i+1)
						dial()
					}
				})
				return err
			})
		})
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		if most := conns / 4 / 10; churns && apart > 2*most { // each within 10 % of the mean
			t.Errorf("they were %d apart", apart)
		}
		if !churns && apart > 2 {
			t.Errorf("they were %d apart", apart)
		}
		if looks != 50 {
			t.Errorf("%d looks", looks)
		}
	}
	t.Run("that stay", func(t *testing.T) { run(t, 1, false) })
	t.Run("that come and go", func(t *testing.T) { run(t, 2, true) })
}
