package stream_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A requestServer answers requests that end by a newline. A request must have
// arrived wholly within a bound, and the next one begin within another.
type requestServer struct {
	ln       *tcp.Listener
	request  time.Duration
	open     int
	answered int
	late     map[string]int // connections that a timeout has ended, by its operation
	other    []error
}

func (r *rig) serveRequests(addr string, request, idle time.Duration) *requestServer {
	r.Helper()
	s := &requestServer{request: request, late: map[string]int{}}
	var err error
	s.ln, err = tcp.Listen(r.lp, addr, &tcp.Options{IdleTimeout: idle})
	r.no(err)
	s.ln.OnAccept = func(c *tcp.Conn) {
		s.open++
		c.SetReadDeadline(request)
		c.OnRead = s.read
		c.OnClose = s.closed
	}
	return s
}

func (s *requestServer) read(c *tcp.Conn, p []byte) {
	for _, b := range p {
		if b == '\n' {
			s.answered++
			c.WriteString("answer\n")
			c.SetReadDeadline(s.request) // the next one
		}
	}
}

func (s *requestServer) closed(_ *tcp.Conn, err error) {
	s.open--
	var op *net.OpError
	if errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &op) {
		s.late[op.Op]++
	} else {
		s.other = append(s.other, err)
	}
}

// Slow loris: clients that open a connection and send a byte now and then keep
// any idle timeout from passing. The deadline of a request is what they run into, while
// those who send theirs are served.
func TestSlowLoris(t *testing.T) {
	const loris, honest, silent = 200, 5, 20
	test := func(t *testing.T, r *rig, unit time.Duration, least int) { // least: requests answered
		s := r.serveRequests(loopback, 10*unit, 4*unit)
		addr := s.ln.LocalAddr().String()
		drip := func(n int, text string, every time.Duration, closes bool) (conns []*tcp.Conn) {
			for range n {
				c := r.dial(s.ln, nil)
				conns = append(conns, c)
				if text == "" {
					continue
				}
				tick, err := timer.Every(r.lp, every, func() {
					if _, err := c.WriteString(text); err != nil && closes {
						r.Errorf("an honest client of %s: %v", addr, err)
					}
				})
				r.no(err)
				c.OnClose = func(*tcp.Conn, error) { tick.Close() }
			}
			return conns
		}
		begin := r.lp.UpdateNow()
		drip(loris, "x", unit, false)
		drip(silent, "", 0, false)
		good := drip(honest, "request\n", unit, true)
		r.forever(func() bool { return s.late["read"]+s.late["idle"] >= loris+silent })
		if took := r.lp.UpdateNow().Sub(begin); took < 10*unit {
			t.Errorf("all were closed after %v", took)
		}
		r.equal("open", s.open, honest)
		r.equal("others closed", len(s.other), 0)
		if s.late["read"] < loris { // on a machine that stalls a silent one may run into that first
			t.Errorf("%v were closed", s.late)
		}
		if s.answered < least {
			t.Errorf("%d requests were answered", s.answered)
		}
		for _, c := range good {
			r.no(c.Close())
		}
	}
	t.Run("simulator", func(t *testing.T) { test(t, newSimRig(t), second, honest*9) })
	t.Run("system", func(t *testing.T) {
		r := newRig(t)
		r.guard(func() { panic("slow loris: not over in time") })
		test(t, r, 100*ms, 1) // a busy machine may leave no time for more
	})
}

// Whatever the network does, no timeout passes early, and none is missed: no
// connection outlives its last byte by more than the timeout and a quarter.
func TestTimeoutsUnderFaults(t *testing.T) {
	const idle = 8 * second
	cfg := sim.Config{Faults: sim.Heavy().Without(sim.Crash, sim.Pause)} // a process that is paused looks late
	sim.Explore(t, 150, cfg, func(w *sim.World) error {
		srv, cli := w.Host("srv"), w.Host("cli")
		w.Daemon(srv, func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			ln, err := tcp.Listen(lp, fmt.Sprint(":", dialPort), &tcp.Options{IdleTimeout: idle, WriteTimeout: idle / 2})
			if err != nil {
				return err
			}
			ln.OnAccept = func(c *tcp.Conn) { judge(w, lp, c, idle) }
			return lp.Run()
		})
		w.Go(cli, func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			for range 5 {
				_, err := tcp.Dial(lp, fmt.Sprint("srv:", dialPort), &tcp.Options{Timeout: 30 * second}, func(c *tcp.Conn, err error) {
					if err == nil {
						c.OnRead = stream.Discard
						fidget(w, lp, c)
					}
				})
				if err != nil {
					return err
				}
			}
			return lp.Run()
		})
		return w.Run()
	})
}

// judge echoes, and sees that the connection ends by its timeouts when it should.
func judge(w *sim.World, lp *loop.Loop, c *tcp.Conn, idle time.Duration) {
	read := lp.UpdateNow()
	var moved, queued poller.Time = read, 0 // queued: since when something is
	c.OnRead = func(c *tcp.Conn, p []byte) {
		read = lp.UpdateNow()
		if c.Buffered() == 0 {
			queued = read
		}
		for range 10 {
			c.Write(p)
		}
	}
	c.OnWrite = func(*tcp.Conn) { moved = lp.UpdateNow() }
	c.OnClose = func(_ *tcp.Conn, err error) {
		var op *net.OpError
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &op) {
			return
		}
		now := lp.UpdateNow()
		last := max(read, moved)
		switch {
		case op.Op == "idle" && (now.Sub(last) < idle || now.Sub(last) > 2*idle):
			w.Errorf("idle for %v: %v", now.Sub(last), err)
		case op.Op == "write" && now.Sub(max(queued, moved)) < idle/2:
			w.Errorf("queued for %v: %v", now.Sub(max(queued, moved)), err)
		}
	}
}

// fidget sends now and then, reads now and then, and stops at some time.
func fidget(w *sim.World, lp *loop.Loop, c *tcp.Conn) {
	left := w.Rand().IntN(20)
	var act func()
	act = func() {
		if c.Closing() {
			return
		}
		switch left--; {
		case left < 0:
			return // and wait for the server's timeout
		case w.Rand().IntN(4) == 0:
			c.PauseRead()
		default:
			c.ResumeRead()
			c.Write(make([]byte, 1+w.Rand().IntN(20_000)))
		}
		timer.After(lp, time.Duration(w.Rand().IntN(3000))*ms, act)
	}
	c.OnClose = func(*tcp.Conn, error) {}
	act()
	timer.After(lp, 5*time.Minute, func() {
		if !c.Closing() && left < 0 { // reset or timed out long ago, unless it is paused and cannot see that
			c.ResumeRead()
		}
	})
}
