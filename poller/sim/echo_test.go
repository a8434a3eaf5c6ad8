package sim_test

import (
	"io"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// serve is an echo server as it would be for the real network.
func serve(lp *loop.Loop) error {
	ln, err := tcp.Listen(lp, ":7000", nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}
	return nil
}

func TestEcho(t *testing.T) {
	sim.Explore(t, 1000, sim.Config{Faults: sim.Heavy()}, func(w *sim.World) error {
		w.Daemon(w.Host("srv"), func(h *sim.Host) error { return loop.RunOn(h, serve) })
		w.Go(w.Host("cli"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error { return greet(w, lp) })
		})
		return w.Run()
	})
}

// greet says hello and hangs up.
func greet(w *sim.World, lp *loop.Loop) error {
	got := ""
	_, err := tcp.Dial(lp, "srv:7000", nil, func(c *tcp.Conn, err error) {
		if err != nil {
			return // the network may refuse
		}
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		c.OnClose = func(_ *tcp.Conn, err error) {
			if err == io.EOF && got != "hello" {
				w.Errorf("the echo of hello is %q", got)
			}
		}
		c.WriteString("hello")
		c.CloseWrite()
	})
	return err
}
