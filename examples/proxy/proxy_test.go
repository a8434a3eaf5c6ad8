package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A scene is a simulated network with clients, the proxy and a server. Its
// programs share the test's variables: no two run at once.
type scene struct {
	w     *sim.World
	proxy *proxy
	lp    *loop.Loop // the proxy's
}

// daemon runs a program on a host of its own for as long as the world lasts.
func (s *scene) daemon(name string, begin func(lp *loop.Loop) error) {
	s.w.Daemon(s.w.Host(name), func(h *sim.Host) error { return simulate(h, begin) })
}

func simulate(h *sim.Host, begin func(lp *loop.Loop) error) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err == nil {
		err = begin(lp)
	}
	if err == nil {
		err = lp.Run()
	}
	return err
}

func newScene(w *sim.World, o options, server func(lp *loop.Loop, c *tcp.Conn)) *scene {
	s := &scene{w: w}
	s.daemon("server", func(lp *loop.Loop) error {
		ln, err := tcp.Listen(lp, ":7007", nil)
		if err == nil {
			ln.OnAccept = func(c *tcp.Conn) { server(lp, c) }
		}
		return err
	})
	o.listen, o.to = ":7008", "server:7007"
	s.daemon("proxy", func(lp *loop.Loop) (err error) {
		s.lp = lp
		s.proxy, err = listen(lp, nil, o)
		return err
	})
	return s
}

// at calls f after d on the loop of the proxy, to whom that belongs.
func (s *scene) at(d time.Duration, f func()) {
	s.w.At(d, func() {
		if s.lp != nil {
			s.lp.Post(f)
		}
	})
}

// client runs a program that dials the proxy n times and ends with its
// connections, or after a time that is not 0.
func (s *scene) client(n int, stop time.Duration, begin func(lp *loop.Loop, c *tcp.Conn)) {
	s.w.Go(s.w.Host("client"), func(h *sim.Host) error {
		return simulate(h, func(lp *loop.Loop) error {
			if stop > 0 {
				if _, err := timer.After(lp, stop, lp.Stop); err != nil {
					return err
				}
			}
			for range n {
				_, err := tcp.Dial(lp, "proxy:7008", &tcp.Options{Timeout: 20 * time.Second}, func(c *tcp.Conn, err error) {
					if err == nil {
						begin(lp, c)
					} else if s.w.Hits() == (sim.Hits{}) {
						s.w.Errorf("a client: %v", err)
					}
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// at is byte i of the pattern that everybody sends.
func at(i int) byte { return byte(i*7 + i/251) }

// send sends n bytes of the pattern, at the pace of the peer, and then ends.
func send(c *tcp.Conn, n int) {
	sent := 0
	c.OnWrite = func(c *tcp.Conn) {
		if sent == n {
			c.CloseWrite()
			return
		}
		piece := make([]byte, min(1+sent%30_000, n-sent))
		for i := range piece {
			piece[i] = at(sent + i)
		}
		sent += len(piece)
		c.Write(piece)
	}
	c.OnWrite(c)
}

// A checker reads the pattern.
type checker struct {
	w    *sim.World
	read int
}

func (k *checker) check(p []byte) {
	for i, got := range p {
		if got != at(k.read+i) {
			k.w.Errorf("byte %d is %#x, not %#x", k.read+i, got, at(k.read+i))
			return
		}
	}
	k.read += len(p)
}

// endless writes for ever, as fast as the peer takes it.
func endless(_ *loop.Loop, c *tcp.Conn) {
	piece := make([]byte, 64<<10)
	c.OnWrite = func(c *tcp.Conn) { c.Write(piece) }
	c.OnWrite(c)
}

// The claim: 200 clients that read nothing from a source that never ends cost
// bounded memory, and once nothing can move, no work at all.
func TestStalledReaders(t *testing.T) {
	const clients = 200
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		s := newScene(w, options{}, endless)
		open := 0
		s.client(clients, 11*time.Minute, func(lp *loop.Loop, c *tcp.Conn) {
			open++
			c.PauseRead()
		})
		var turns uint64
		queued := 0
		s.at(10*time.Second, func() {
			turns, queued = s.lp.Metrics().Turns, stream.Queued(s.lp)
			if open != clients || s.proxy.open != clients {
				w.Errorf("%d clients, and %d connections through the proxy", open, s.proxy.open)
			}
			if queued < clients*(64<<10) || queued > clients*stream.JoinMost {
				w.Errorf("%d bytes are queued for %d stalled readers", queued, clients)
			}
		})
		s.at(10*time.Minute, func() {
			if n := s.lp.Metrics().Turns - turns; n > 3 { // those that these calls cost
				w.Errorf("%d turns in which nothing could move", n)
			}
			if n := stream.Queued(s.lp); n != queued {
				w.Errorf("%d bytes are queued, and were %d", n, queued)
			}
			turns = 0
		})
		err := w.Run()
		if err == nil && turns != 0 {
			err = errors.New("the world ended early")
		}
		return err
	})
}

// They are given up on by -idle, and those who read are not.
func TestStalledReadersAreGivenUpOn(t *testing.T) {
	const clients = 20
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		s := newScene(w, options{idle: 30 * time.Second}, endless)
		n, read := 0, 0
		s.client(clients+1, 2*time.Minute, func(lp *loop.Loop, c *tcp.Conn) {
			if n++; n <= clients {
				c.PauseRead()
				return
			}
			c.OnRead = func(c *tcp.Conn, p []byte) { // slowly
				read += len(p)
				c.PauseRead()
				timer.After(lp, time.Second, func() { c.ResumeRead() })
			}
		})
		s.at(time.Minute, func() {
			if s.proxy.open != 1 || s.proxy.broken != clients {
				w.Errorf("after a minute: %v", s.proxy)
			}
		})
		return w.Run()
	})
}

// A half-close in either order, and then the other.
func TestHalfClose(t *testing.T) {
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		s := newScene(w, options{}, func(_ *loop.Loop, c *tcp.Conn) {
			n := 0
			c.OnRead = func(c *tcp.Conn, p []byte) { n += len(p) }
			c.OnEOF = func(c *tcp.Conn) {
				fmt.Fprint(c, n)
				c.CloseWrite()
			}
		})
		answer := ""
		s.client(1, 0, func(lp *loop.Loop, c *tcp.Conn) {
			send(c, 1_000_000)
			c.OnRead = func(_ *tcp.Conn, p []byte) { answer += string(p) }
			c.OnClose = func(_ *tcp.Conn, err error) {
				if err != io.EOF || answer != "1000000" {
					w.Errorf("the answer is %q, and the end %v", answer, err)
				}
			}
		})
		return w.Run()
	})
}

func TestResets(t *testing.T) {
	for _, byServer := range []bool{true, false} {
		sim.Test(t, sim.Config{}, func(w *sim.World) error {
			var seen error
			saw := func(_ *tcp.Conn, err error) { seen = err }
			s := newScene(w, options{}, func(lp *loop.Loop, c *tcp.Conn) {
				if byServer {
					c.Abort()
				} else {
					c.OnClose = saw
				}
			})
			s.client(1, time.Minute, func(lp *loop.Loop, c *tcp.Conn) {
				if byServer {
					c.OnClose = saw
				} else {
					timer.After(lp, time.Second, func() { c.Abort() })
				}
			})
			err := w.Run()
			if err == nil && (!errors.Is(seen, syscall.ECONNRESET) || s.proxy.open != 0 || s.proxy.broken != 1) {
				err = fmt.Errorf("the other side saw %v; %v", seen, s.proxy)
			}
			return err
		})
	}
}

// Whatever the network does, what arrives is what was sent, an end arrives only
// after all of it, the queue stays bounded, and the proxy keeps nothing.
func TestProxyUnderFaults(t *testing.T) {
	cfg := sim.Config{Faults: sim.Heavy().Without(sim.Crash)}
	sim.Explore(t, 100, cfg, func(w *sim.World) error {
		const total = 300_000
		s := newScene(w, options{idle: time.Minute, dial: 10 * time.Second}, func(lp *loop.Loop, c *tcp.Conn) {
			k := checker{w: w}
			c.OnRead = func(_ *tcp.Conn, p []byte) { k.check(p) }
			c.OnEOF = func(*tcp.Conn) {
				if k.read != total {
					w.Errorf("the server has read %d bytes, and then the end", k.read)
				}
			}
			send(c, total)
		})
		closed := 0
		s.client(10, 10*time.Minute, func(lp *loop.Loop, c *tcp.Conn) {
			k := checker{w: w}
			c.OnRead = func(c *tcp.Conn, p []byte) {
				k.check(p)
				if w.Rand().IntN(10) == 0 {
					c.PauseRead()
					timer.After(lp, time.Duration(w.Rand().IntN(1000))*time.Millisecond, func() { c.ResumeRead() })
				}
			}
			c.OnEOF = func(*tcp.Conn) {
				if k.read != total {
					w.Errorf("a client has read %d bytes, and then the end", k.read)
				}
			}
			c.OnClose = func(*tcp.Conn, error) { closed++ }
			send(c, total)
		})
		for i := range 100 {
			s.at(time.Duration(i)*50*time.Millisecond, func() {
				if n := stream.Queued(s.lp); n > 2*10*stream.JoinMost {
					w.Errorf("%d bytes are queued in the proxy", n)
				}
			})
		}
		s.at(9*time.Minute, func() {
			if s.proxy.open != 0 || stream.Queued(s.lp) != 0 {
				w.Errorf("in the end: %v, %d bytes queued", s.proxy, stream.Queued(s.lp))
			}
		})
		return w.Run()
	})
}
