package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// answerers is a world of a server whose answers are made by jobs, off the loop, and of clients that ask for
// one each. A job hands over its answer in pieces, by AsyncWrite and by Post in turns, and waits now and then
// until the loop has them; it closes behind the last.
func answerers(w *sim.World) error {
	size := w.Param("size")
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		lp, err := loop.New(loop.Options{Poller: h})
		if err != nil {
			return err
		}
		ln, err := tcp.Listen(lp, ":7000", &tcp.Options{DrainTimeout: 5 * time.Second, IdleTimeout: time.Minute})
		if err != nil {
			return err
		}
		ln.OnError = func(error) {} // of faults
		ln.OnAccept = func(c *tcp.Conn) {
			a := &answerer{w: w, c: c, gone: make(chan struct{})}
			c.OnClose = func(*tcp.Conn, error) { close(a.gone) }
			c.OnRead = func(c *tcp.Conn, _ []byte) {
				c.OnRead = func(*tcp.Conn, []byte) {}
				loop.Work(context.Background(), lp, func(context.Context) (bool, error) { return a.answer(size) }, a.answered)
			}
		}
		return lp.Run()
	})
	for i := range w.Param("clients") {
		w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error { return asker(w, h, i, size) })
	}
	return w.Run()
}

type answerer struct {
	w    *sim.World
	c    *tcp.Conn
	out  pattern
	gone chan struct{}
}

// answer reports whether all of the answer was taken.
func (a *answerer) answer(size int) (whole bool, err error) {
	for i := 0; a.out.at < size; i++ {
		p := a.out.next(min(size-a.out.at, 1+i*i*7%3000))
		if i%3 == 2 {
			err = a.c.Post(a.here(func(c *tcp.Conn) { c.Write(p) }))
		} else if err = a.c.AsyncWrite(p); err == nil {
			clear(p)
		}
		if err == nil && i%8 == 7 && a.w.Param("waits") > 0 {
			err = a.wait()
		}
		if err != nil {
			return false, err
		}
	}
	return true, a.c.Post(a.here(func(c *tcp.Conn) { c.Close() }))
}

// here finds a function that is called too late.
func (a *answerer) here(fn func(*tcp.Conn)) func(*tcp.Conn) {
	return func(c *tcp.Conn) {
		select {
		case <-a.gone:
			a.w.Errorf("a function was called after OnClose")
		default:
		}
		if c != a.c {
			a.w.Errorf("a function was called with another connection")
		}
		fn(c)
	}
}

// wait waits until the loop has what was handed over.
func (a *answerer) wait() error {
	has := make(chan struct{})
	if err := a.c.Post(a.here(func(*tcp.Conn) { close(has) })); err != nil {
		return err
	}
	select {
	case <-has:
	case <-a.gone:
	}
	return nil
}

// answered is on the loop.
func (a *answerer) answered(whole bool, err error) {
	if err == nil && whole {
		return
	}
	if !errors.Is(err, net.ErrClosed) || !a.c.Closing() {
		a.w.Errorf("a job was told %v, and the connection closes: %v", err, a.c.Closing())
	}
	if err := a.c.AsyncWrite([]byte("more")); !errors.Is(err, net.ErrClosed) {
		a.w.Errorf("then AsyncWrite: %v", err)
	}
}

// asker wants its answer, or the beginning of it and an error.
func asker(w *sim.World, h *sim.Host, i, size int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	var in pattern
	o := &tcp.Options{Timeout: time.Minute, IdleTimeout: time.Minute}
	_, err = tcp.Dial(lp, "10.0.0.1:7000", o, func(c *tcp.Conn, err error) {
		if err != nil {
			in.at = -1
			return
		}
		c.WriteString("?")
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if err := in.check(p); err != nil {
				w.Errorf("client %d: %v", i, err)
			}
		}
		c.OnEOF = func(c *tcp.Conn) {
			if in.at != size {
				w.Errorf("client %d: %d bytes of %d, and then the end", i, in.at, size)
			}
			c.Close()
		}
	})
	if err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if w.Param("faults") == 0 && in.at != size {
		w.Errorf("client %d: %d bytes of %d", i, in.at, size)
	}
	return nil
}

func answerersUnder(faults sim.Faults, waits int) sim.Config {
	heavy := 0
	if faults != sim.None() {
		heavy = 1
	}
	return sim.Config{Faults: faults, Params: []sim.Param{
		{Name: "clients", Value: 4, Min: 1}, {Name: "size", Value: 40_000, Min: 1},
		{Name: "faults", Value: heavy, Min: heavy}, {Name: "waits", Value: waits, Min: 0},
	}}
}

// Whatever the network does, an answer arrives, or the beginning of one; and its job hears of it. Jobs that
// wait take real time, because the world looks whether they go on.
func TestPostUnderFaults(t *testing.T) {
	worlds := 500
	if testing.Short() || checked {
		worlds = 50
	}
	heavy := sim.Heavy().Without(sim.Crash)
	sim.Explore(t, worlds, answerersUnder(heavy, 0), answerers)
	sim.Explore(t, worlds/10, answerersUnder(heavy, 1), answerers)
}

// Jobs that hand over make no world another: each comes again as it was.
func TestPostInEveryWorld(t *testing.T) {
	for name, faults := range map[string]sim.Faults{"none": sim.None(), "heavy": sim.Heavy().Without(sim.Crash)} {
		t.Run(name, func(t *testing.T) {
			worlds := uint64(20)
			if testing.Short() || checked {
				worlds = 4
			}
			for seed := range worlds {
				var hash [2]uint64
				for i := range hash {
					world, err := sim.Once(seed, answerersUnder(faults, int(seed%2)), answerers)
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
