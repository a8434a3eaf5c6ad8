package stream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A groupRig is a group with a listener, which runs while a test talks to it by package net.
type groupRig struct {
	*testing.T
	g    *loop.Group
	ln   *tcp.GroupListener
	open []atomic.Int32 // connections by loop
	shut atomic.Int32   // calls of OnShutdown
	over chan error
}

const groupLoops = 3

func newGroupRig(t *testing.T, o *tcp.Options) *groupRig {
	t.Helper()
	g, err := loop.NewGroup(loop.GroupOptions{Loops: groupLoops})
	if err != nil {
		t.Fatal(err)
	}
	r := &groupRig{T: t, g: g, open: make([]atomic.Int32, groupLoops), over: make(chan error, 1)}
	if r.ln, err = tcp.ListenGroup(g, loopback, o); err != nil {
		g.Close()
		t.Fatal(err)
	}
	r.ln.OnAccept = func(c *tcp.Conn) {
		_, i := c.Loop().Group()
		if g.At(i) != c.Loop() || c.Loop().Maker().Check("stream.GroupListener.OnAccept") != nil {
			t.Errorf("a connection of loop %d is called back elsewhere", i)
		}
		r.open[i].Add(1)
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(*tcp.Conn, error) { r.open[i].Add(-1) }
	}
	r.ln.OnShutdown = func(c *tcp.Conn) { r.shut.Add(1); c.Close() }
	t.Cleanup(func() { g.Close() })
	return r
}

// run runs the group until stop.
func (r *groupRig) run() {
	go func() { r.over <- r.g.Run(context.Background(), nil) }()
	r.Cleanup(r.stop)
}

// stop shuts the group down, and waits for it.
func (r *groupRig) stop() {
	r.Helper()
	if err := r.g.Shutdown(context.Background(), patience, nil); err != nil {
		return // it was stopped
	}
	select {
	case err := <-r.over:
		if err != nil {
			r.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		r.Errorf("the group still runs after %v", patience)
	}
}

// dial connects and has a byte echoed, so that the connection is on its loop.
func (r *groupRig) dial() net.Conn {
	r.Helper()
	c, err := net.DialTimeout("tcp", r.ln.LocalAddr().String(), patience)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	r.echo(c)
	return c
}

func (r *groupRig) echo(c net.Conn) {
	r.Helper()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("x")); err != nil {
		r.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		r.Fatal(err)
	}
}

// counts are the open connections by loop.
func (r *groupRig) counts() (ns []int, sum int) {
	for i := range r.open {
		n := int(r.open[i].Load())
		ns, sum = append(ns, n), sum+n
	}
	return ns, sum
}

// until waits for what other goroutines do.
func (r *groupRig) until(what string, cond func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain until %s: %+v", what, r.ln.Metrics())
		}
	}
}

// spreads are the ways of dividing that this system has.
func spreads(t *testing.T) map[string]tcp.Options {
	all := map[string]tcp.Options{"evenly": {Spread: tcp.SpreadEvenly}, "by default": {}}
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ln, err := tcp.ListenGroup(g, loopback, &tcp.Options{Spread: tcp.SpreadBySystem})
	switch {
	case err == nil:
		all["by the system"] = tcp.Options{Spread: ln.Spread()}
	case !errors.Is(err, errors.ErrUnsupported):
		t.Errorf("SpreadBySystem: %v", err)
	}
	return all
}

func TestGroupListener(t *testing.T) {
	for name, o := range spreads(t) {
		t.Run(name, func(t *testing.T) {
			r := newGroupRig(t, &o)
			if r.ln.LocalAddr().Port() == 0 {
				t.Error("it has no port")
			}
			var closed atomic.Int32
			r.ln.OnClose = func() { closed.Add(1) }
			r.run()
			const conns = 60
			for range conns {
				r.dial()
			}
			ns, sum := r.counts()
			m := r.ln.Metrics()
			if sum != conns || m.Accepted != conns || m.Open != conns {
				t.Errorf("%v are open, and the metrics say %+v", ns, m)
			}
			for i, n := range ns {
				if m := r.ln.LoopMetrics(i); m.Open != n || m.Accepted != uint64(n) {
					t.Errorf("loop %d has %d, and its metrics say %+v", i, n, m)
				}
				if evenly := r.ln.Spread() == tcp.SpreadEvenly; evenly && n != conns/groupLoops {
					t.Errorf("connections by loop: %v", ns)
				}
			}
			r.stop()
			if n := r.shut.Load(); n != conns {
				t.Errorf("OnShutdown was called for %d of %d", n, conns)
			}
			if _, sum := r.counts(); sum != 0 || closed.Load() != 1 || r.ln.Metrics().Open != 0 {
				t.Errorf("%d are open in the end, OnClose was called %d times: %+v", sum, closed.Load(), r.ln.Metrics())
			}
		})
	}
}

// TestGroupListenerHoldsEven is TestGroupListenerIsEven on the system: 1,000 that stay, and churn.
func TestGroupListenerHoldsEven(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand connections")
	}
	r := newGroupRig(t, &tcp.Options{Spread: tcp.SpreadEvenly})
	r.run()
	const conns, dialers = 1000, 10
	var wg sync.WaitGroup
	perDialer := make([][]net.Conn, dialers)
	each := func(fn func(i int)) {
		for i := range dialers {
			wg.Add(1)
			go func() { defer wg.Done(); fn(i) }()
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	dial := func() net.Conn {
		c, err := net.DialTimeout("tcp", r.ln.LocalAddr().String(), patience)
		if err != nil {
			t.Error(err)
			return nil
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		c.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		return c
	}
	each(func(i int) {
		for range conns / dialers {
			perDialer[i] = append(perDialer[i], dial())
		}
	})
	apart := func() int {
		ns, sum := r.counts()
		if sum != conns {
			t.Errorf("%d are open", sum)
		}
		return max(ns[0], ns[1], ns[2]) - min(ns[0], ns[1], ns[2])
	}
	if n := apart(); n > 2 {
		t.Errorf("connections that stay are %d apart", n)
	}
	for round := range 3 {
		each(func(i int) {
			for k := round % 2; k < len(perDialer[i]); k += 2 { // half of them
				perDialer[i][k].Close()
			}
		})
		r.until("they have ended", func() bool { _, sum := r.counts(); return sum == conns/2 })
		each(func(i int) {
			for k := round % 2; k < len(perDialer[i]); k += 2 {
				perDialer[i][k] = dial()
			}
		})
		if n := apart(); n > conns/groupLoops/10 {
			t.Errorf("after churn they are %d apart", n)
		}
	}
}

// TestGroupListenerMaxConns: the limit is the listener's as a whole.
func TestGroupListenerMaxConns(t *testing.T) {
	for name, o := range spreads(t) {
		t.Run(name, func(t *testing.T) {
			const most, conns = 4, 24
			o.MaxConns = most
			r := newGroupRig(t, &o)
			var now, highest atomic.Int32
			accept := r.ln.OnAccept
			r.ln.OnAccept = func(c *tcp.Conn) {
				n, h := now.Add(1), highest.Load()
				for n > h && !highest.CompareAndSwap(h, n) {
					h = highest.Load()
				}
				accept(c)
				c.OnClose = func(*tcp.Conn, error) { now.Add(-1) }
			}
			r.run()
			var wg sync.WaitGroup
			for range conns {
				wg.Add(1)
				go func() {
					defer wg.Done()
					c, err := net.DialTimeout("tcp", r.ln.LocalAddr().String(), patience)
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					c.SetDeadline(time.Now().Add(patience))
					c.Write([]byte("x"))
					if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
						t.Error(err)
					}
				}()
			}
			wg.Wait()
			if n := highest.Load(); n > most {
				t.Errorf("%d were open at a time, where %d may be", n, most)
			}
			if m := r.ln.Metrics(); m.Accepted != conns || m.Refused != 0 {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestGroupListenerPause(t *testing.T) {
	for name, o := range spreads(t) {
		t.Run(name, func(t *testing.T) {
			r := newGroupRig(t, &o)
			if err := r.ln.Pause(); err != nil {
				t.Fatal(err)
			}
			r.run()
			answered := make(chan struct{})
			const conns = 8
			for range conns {
				go func() {
					c, err := net.DialTimeout("tcp", r.ln.LocalAddr().String(), patience)
					if err == nil {
						defer c.Close()
						c.SetDeadline(time.Now().Add(patience))
						c.Write([]byte("x"))
						_, err = io.ReadFull(c, make([]byte, 1))
					}
					if err != nil {
						t.Error(err)
					}
					answered <- struct{}{}
				}()
			}
			turns := make(chan struct{}, groupLoops) // of each loop, so that it has had the time to accept
			for range 3 {
				r.g.Each(func(lp *loop.Loop) {
					timer.After(lp, time.Millisecond, func() { turns <- struct{}{} })
				})
				for range groupLoops {
					within(t, turns)
				}
			}
			if m := r.ln.Metrics(); m.Accepted != 0 {
				t.Errorf("while it is paused: %+v", m)
			}
			if err := r.ln.Resume(); err != nil {
				t.Fatal(err)
			}
			for range conns {
				within(t, answered)
			}
		})
	}
}

func TestGroupListenerClose(t *testing.T) {
	for name, o := range spreads(t) {
		t.Run(name, func(t *testing.T) {
			r := newGroupRig(t, &o)
			closed := make(chan struct{})
			r.ln.OnClose = func() { close(closed) }
			r.run()
			c := r.dial()
			if err := r.ln.Close(); err != nil {
				t.Fatal(err)
			}
			within(t, closed)
			for what, err := range map[string]error{"Close": r.ln.Close(), "Pause": r.ln.Pause(), "Resume": r.ln.Resume()} {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s after Close: %v", what, err)
				}
			}
			r.echo(c) // which lives on
			if nc, err := net.DialTimeout("tcp", r.ln.LocalAddr().String(), patience); err == nil {
				nc.Close()
				t.Error("somebody still listens")
			}
		})
	}
}

func TestGroupListenerMisuse(t *testing.T) {
	if _, err := tcp.ListenGroup(nil, loopback, nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("without a group: %v", err)
	}
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	before := g.Metrics().Handles
	broken := errors.New("broken")
	control := func(string, string, syscall.RawConn) error { return broken }
	for name, c := range map[string]struct {
		addr string
		o    tcp.Options
		want error
	}{
		"the address":  {"127.0.0.1:x", tcp.Options{}, nil},
		"not ours":     {"192.0.2.1:0", tcp.Options{}, syscall.EADDRNOTAVAIL},
		"Spread":       {loopback, tcp.Options{Spread: tcp.SpreadEvenly + 1}, os.ErrInvalid},
		"MaxConns":     {loopback, tcp.Options{MaxConns: -1}, os.ErrInvalid},
		"Watermarks":   {loopback, tcp.Options{Watermarks: &stream.Watermarks{High: -1}}, os.ErrInvalid},
		"Control":      {loopback, tcp.Options{Control: control}, broken},
		"Control, too": {loopback, tcp.Options{Spread: tcp.SpreadEvenly, Control: control}, broken},
	} {
		var op *net.OpError
		_, err := tcp.ListenGroup(g, c.addr, &c.o)
		if !errors.As(err, &op) || op.Op != "listen" || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ran := false
	err = g.Run(t.Context(), func(i int, lp *loop.Loop) error {
		ran = true
		return lp.Post(func() {
			if _, err := tcp.ListenGroup(g, loopback, nil); !errors.Is(err, loop.ErrRunning) {
				t.Errorf("while the group runs: %v", err)
			}
		})
	})
	if err != nil || !ran {
		t.Errorf("Run: %v", err)
	}
	if n := g.Metrics().Handles; n != before {
		t.Errorf("%d handles are left of listeners that failed", n-before)
	}
	if _, err := tcp.ListenGroup(g, loopback, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("when the group has ended: %v", err)
	}
}
