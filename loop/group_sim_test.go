package loop_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// onGroup runs a group as the program of a host.
func onGroup(h *sim.Host, n int, setup func(g *loop.Group, i int, lp *loop.Loop) error) error {
	g, err := loop.NewGroup(loop.GroupOptions{Loops: n, Loop: loop.Options{Poller: h}})
	if err != nil {
		return err
	}
	return g.Run(context.Background(), func(i int, lp *loop.Loop) error { return setup(g, i, lp) })
}

// echoOn listens on a port of its loop's own, and echoes until the first connection has ended.
func echoOn(i int, lp *loop.Loop, port int) error {
	ln, err := tcp.Listen(lp, fmt.Sprintf(":%d", port+i), nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(*tcp.Conn, error) { ln.Close() }
	}
	return nil
}

// TestGroupInASimulator runs two groups, a server and a client, in worlds with faults. Each loop of the client
// talks to a loop of the server, looks names up (which is a job), and passes what it gets around its group.
// Explore compares the hashes of two runs of a seed.
func TestGroupInASimulator(t *testing.T) {
	const loops, port = 3, 7
	sim.Explore(t, 200, sim.Config{Faults: sim.Heavy()}, func(w *sim.World) error {
		srv := w.Host("srv")
		w.Go(srv, func(h *sim.Host) error {
			return onGroup(h, loops, func(_ *loop.Group, i int, lp *loop.Loop) error { return echoOn(i, lp, port) })
		})
		told := 0
		w.Go(w.Host("cli"), func(h *sim.Host) error {
			return onGroup(h, loops, func(g *loop.Group, i int, lp *loop.Loop) error {
				next := g.At((i + 1) % loops)
				var dial func()
				dial = func() {
					tcp.Dial(lp, fmt.Sprintf("srv:%d", port+i), nil, func(c *tcp.Conn, err error) {
						if err != nil { // a fault
							timer.After(lp, time.Second, dial)
							return
						}
						c.WriteString("hello")
						c.OnRead = func(c *tcp.Conn, p []byte) {
							c.Close()
							next.Post(func() { told++ })
						}
						c.OnClose = func(_ *tcp.Conn, err error) {
							if err != nil {
								next.Post(func() { told++ })
							}
						}
					})
				}
				dial()
				_, err := timer.After(lp, 5*time.Minute, func() { lp.Shutdown(context.Background(), 0, nil) })
				return err
			})
		})
		w.At(10*time.Minute, func() { srv.Signal(syscall.SIGTERM) }) // a connection may not have come about
		if err := w.Run(); err != nil {
			return err
		}
		if told == 0 {
			return errors.New("nobody was told anything")
		}
		if n := srv.Sockets(); n != 0 {
			return fmt.Errorf("%d sockets are left", n)
		}
		return nil
	})
}

// TestGroupsOneAfterAnother has a host run several: the threads of the first are those of the next.
func TestGroupsOneAfterAnother(t *testing.T) {
	w := sim.New(1, sim.Config{})
	h := w.Host("host")
	ran := 0
	program := func(h *sim.Host) error {
		return onGroup(h, 3, func(_ *loop.Group, i int, lp *loop.Loop) error {
			return lp.Post(func() { ran++ })
		})
	}
	w.Go(h, program)
	w.At(time.Second, func() { w.Go(h, program) })
	w.Go(w.Host("other"), func(h *sim.Host) error { return h.Poll(h.Now().Add(2 * time.Second)) })
	no(t, w.Run())
	equal(t, "functions run", ran, 6)
	if s := w.State(); !strings.Contains(s, "host#2") || strings.Contains(s, "host#3") {
		t.Errorf("it has not two threads:\n%s", s)
	}
}

// TestGroupIsOneProcess: its loops share descriptors and addresses, and end together.
func TestGroupIsOneProcess(t *testing.T) {
	t.Run("descriptors", func(t *testing.T) {
		w := sim.New(1, sim.Config{Files: 2})
		w.Go(w.Host("host"), func(h *sim.Host) error {
			return onGroup(h, 3, func(_ *loop.Group, i int, lp *loop.Loop) error {
				ln, err := tcp.Listen(lp, ":0", nil)
				if i == 2 {
					is(t, err, syscall.EMFILE)
					equal(t, "sockets of the process", h.Sockets(), 2)
					return nil
				}
				no(t, err)
				return lp.Post(func() { ln.Close() })
			})
		})
		no(t, w.Run())
	})
	t.Run("addresses", func(t *testing.T) {
		w := sim.New(1, sim.Config{})
		w.Go(w.Host("host"), func(h *sim.Host) error {
			return onGroup(h, 2, func(_ *loop.Group, i int, lp *loop.Loop) error {
				ln, err := tcp.Listen(lp, ":7", nil)
				if i == 1 {
					is(t, err, syscall.EADDRINUSE)
					return nil
				}
				no(t, err)
				return lp.Post(func() { ln.Close() })
			})
		})
		no(t, w.Run())
	})
	for name, end := range map[string]func(h *sim.Host){
		"Kill":  (*sim.Host).Kill,
		"Crash": (*sim.Host).Crash,
	} {
		t.Run(name, func(t *testing.T) {
			w := sim.New(1, sim.Config{})
			h := w.Host("host")
			h.Restart = time.Second
			lives, ended := 0, 0
			w.Go(h, func(h *sim.Host) error {
				if lives++; lives == 2 {
					return nil
				}
				err := onGroup(h, 3, func(_ *loop.Group, i int, lp *loop.Loop) error { return forEver(i, lp) })
				is(t, err, sim.ErrKilled)
				ended++
				return err
			})
			w.At(time.Minute, func() { end(h) })
			no(t, w.Run())
			equal(t, "lives", lives, 2)
			equal(t, "ends", ended, 1)
		})
	}
	t.Run("the end of the world", func(t *testing.T) {
		w := sim.New(1, sim.Config{})
		var err error
		w.Daemon(w.Host("daemon"), func(h *sim.Host) error {
			err = onGroup(h, 3, func(_ *loop.Group, i int, lp *loop.Loop) error { return forEver(i, lp) })
			return err
		})
		w.Go(w.Host("host"), func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Second)) })
		no(t, w.Run())
		is(t, err, sim.ErrOver)
	})
	t.Run("a deadlock", func(t *testing.T) {
		w := sim.New(1, sim.Config{})
		w.Go(w.Host("host"), func(h *sim.Host) error {
			return onGroup(h, 2, func(_ *loop.Group, i int, lp *loop.Loop) error {
				if i == 0 {
					return nil
				}
				_, err := tcp.Listen(lp, ":7", nil)
				return err
			})
		})
		is(t, w.Run(), sim.ErrDeadlock)
	})
}

// TestGroupSignals tells a signal once for all loops, and Shutdown ends them by it.
func TestGroupSignals(t *testing.T) {
	w := sim.New(1, sim.Config{})
	h := w.Host("host")
	var heard []os.Signal
	each := 0
	var r loop.GroupReport
	w.Go(h, func(h *sim.Host) error {
		return onGroup(h, 3, func(g *loop.Group, i int, lp *loop.Loop) error {
			if i == 0 {
				_, err := signal.NotifyGroup(g, func(s os.Signal) {
					heard = append(heard, s)
					if s == syscall.SIGTERM {
						no(t, g.Shutdown(context.Background(), 0, func(of loop.GroupReport) { r = of }))
					}
				}, syscall.SIGHUP, syscall.SIGTERM)
				no(t, err)
			}
			_, err := signal.Notify(lp, func(os.Signal) { each++ }, syscall.SIGQUIT) // which each loop asks for
			return err
		})
	})
	for i, s := range []os.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM} {
		w.At(time.Duration(i+1)*time.Second, func() { h.Signal(s) })
	}
	no(t, w.Run())
	if len(heard) != 2 || heard[0] != syscall.SIGHUP || heard[1] != syscall.SIGTERM {
		t.Errorf("signals heard: %v", heard)
	}
	equal(t, "calls of those on each loop", each, 3)
	equal(t, "watchers closed", r.Closed, 4)
	_, err := signal.NotifyGroup(nil, func(os.Signal) {})
	is(t, err, os.ErrInvalid)
}
