package sim_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// echoServer is a program of the packages that users see: streams and datagrams
// are echoed until a signal ends it.
func echoServer(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	ln, err := tcp.Listen(lp, ":7000", nil)
	if err != nil {
		return err
	}
	open := 0
	ln.OnAccept = func(c *tcp.Conn) {
		open++
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(c *tcp.Conn, err error) { open-- }
	}
	u, err := udp.Listen(lp, ":7000", nil)
	if err != nil {
		return err
	}
	u.OnRead = func(u *udp.Conn, p []byte, from netip.AddrPort) { u.WriteTo(p, from) }
	stopped := false
	_, err = signal.Notify(lp, func(os.Signal) { stopped = true; lp.Stop() }, syscall.SIGTERM)
	if err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if !stopped || h.Sockets() != 2+open {
		return fmt.Errorf("stopped: %v; %d sockets with %d connections", stopped, h.Sockets(), open)
	}
	return nil
}

// An echoClient says something, waits for its echo, and says the next thing; it
// connects again when the network has torn the connection.
type echoClient struct {
	lp     *loop.Loop
	w      *sim.World
	rounds int
	said   []byte
	heard  int
}

func (e *echoClient) run(h *sim.Host) (err error) {
	if e.lp, err = loop.New(loop.Options{Poller: h}); err != nil {
		return err
	}
	defer e.lp.Close()
	e.dial()
	e.ping(3)
	if err := e.lp.Run(); err != nil {
		return err
	}
	if n := h.Sockets(); n > 0 {
		return fmt.Errorf("%d sockets are left", n)
	}
	return nil
}

func (e *echoClient) dial() {
	_, err := tcp.Dial(e.lp, "srv:7000", &tcp.Options{Timeout: 3 * time.Second}, func(c *tcp.Conn, err error) {
		if err != nil {
			e.again()
			return
		}
		late, _ := timer.After(e.lp, 5*time.Second, func() { c.Abort() })
		c.OnClose = func(c *tcp.Conn, err error) {
			late.Stop()
			if e.rounds > 0 {
				e.again()
			}
		}
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if e.heard+len(p) > len(e.said) || string(p) != string(e.said[e.heard:][:len(p)]) {
				e.w.Errorf("the echo of %d bytes is wrong at %d", len(e.said), e.heard)
			}
			if e.heard += len(p); e.heard == len(e.said) {
				e.say(c)
			}
		}
		e.say(c)
	})
	if err != nil {
		e.w.Errorf("Dial: %v", err)
	}
}

func (e *echoClient) say(c *tcp.Conn) {
	if e.rounds--; e.rounds <= 0 {
		c.Close()
		return
	}
	e.said, e.heard = pattern(10+e.rounds*e.rounds*e.rounds*e.rounds), 0
	c.Write(e.said)
}

func (e *echoClient) again() { timer.After(e.lp, 100*time.Millisecond, e.dial) }

// ping sends datagrams, of which not one has to come back, and waits a little.
func (e *echoClient) ping(n int) {
	u, err := udp.Dial(e.lp, "10.0.0.1:7000", nil)
	if err != nil {
		e.w.Errorf("udp.Dial: %v", err)
		return
	}
	u.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		if string(p) != "ping" {
			e.w.Errorf("a datagram says %q", p)
		}
	}
	for range n {
		u.Write([]byte("ping"))
	}
	timer.After(e.lp, time.Second, func() { u.Close() })
}

// hostile is a world of an echo server that crashes now and then, and clients.
func hostile(w *sim.World) error {
	srv := w.Host("srv")
	srv.Restart = 500 * time.Millisecond
	w.Daemon(srv, echoServer)
	for i := range w.Param("clients") {
		c := &echoClient{w: w, rounds: w.Param("rounds")}
		w.Go(w.Host(fmt.Sprint("cli", i+1)), c.run)
	}
	return w.Run()
}

func hostileConfig(f sim.Faults) sim.Config {
	return sim.Config{Faults: f, Params: []sim.Param{{Name: "clients", Value: 20, Min: 1}, {Name: "rounds", Value: 12, Min: 2}}}
}

// TestHostile runs the packages that users see in worlds with every fault there
// is, and holds that each of them has struck.
func TestHostile(t *testing.T) {
	n := 300
	if testing.Short() || raceBuild {
		n = 50
	}
	cfg := hostileConfig(sim.Heavy())
	sim.Explore(t, n, cfg, hostile)
	r := sim.Search(1, n, cfg, hostile)
	for f, hits := range r.Hits {
		if hits == 0 && n > 50 {
			t.Errorf("%v never struck", sim.Fault(f))
		}
	}
}

// TestSignalEndsTheServer is orderly.
func TestSignalEndsTheServer(t *testing.T) {
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		srv := w.Host("srv")
		w.Go(srv, echoServer)
		c := &echoClient{w: w, rounds: 5}
		w.Go(w.Host("cli"), c.run)
		w.At(10*time.Second, func() { srv.Signal(syscall.SIGTERM) })
		if err := w.Run(); err != nil || c.rounds > 0 {
			return errors.Join(err, fmt.Errorf("%d rounds left", c.rounds))
		}
		return nil
	})
}

// BenchmarkHostile is a world of 20 clients, 11 echoes each, under all faults.
func BenchmarkHostile(b *testing.B) {
	b.ReportAllocs()
	var steps uint64
	for i := 0; b.Loop(); i++ {
		w, err := sim.Once(uint64(i+1), hostileConfig(sim.Heavy()), hostile)
		if err != nil {
			b.Fatal(err)
		}
		steps += w.Steps()
	}
	b.ReportMetric(float64(steps)/float64(b.N), "events/op")
}
