package unix_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

const simPath = "/run/counter"

// A counter is what a server that crashes and its clients do to each other, in one world.
type counter struct {
	*testing.T
	what    string
	served  int // lives of the server that began to listen
	left    int // lives that found a file of one before
	rivals  int // other servers that were refused, because one lives
	done    int // clients that have had all their answers
	retries int
}

// server answers each byte. It is killed now and then, and begins anew.
func (w *counter) server(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	if _, ok := h.Mode(simPath); ok {
		w.left++
	}
	ln, err := (&unix.ListenConfig{Mode: 0o660}).Listen(lp, simPath, nil)
	if err != nil {
		return fmt.Errorf("life %d: %w", w.served, err)
	}
	w.served++
	ln.OnAccept = func(c *unix.Conn) {
		if who, err := unix.PeerCred(c); err != nil || who.UID != 7 || who.GID != 100 {
			w.Errorf("%s: a client is %+v, %v", w.what, who, err)
		}
		c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
	}
	return lp.Run()
}

// rival tries to have the path while others have it. It never gets it from one that lives.
func (w *counter) rival(h *sim.Host, live *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	_, err = timer.Every(lp, 50*time.Millisecond, func() {
		if live.Sockets() == 0 {
			return // it is down, and the path is free to take
		}
		if _, err := unix.Listen(lp, simPath, nil); errors.Is(err, syscall.EADDRINUSE) {
			w.rivals++
		} else {
			w.Errorf("%s: a second server: %v", w.what, err)
		}
	})
	if err != nil {
		return err
	}
	return lp.Run()
}

// client has its bytes answered one by one, however often the server goes.
func (w *counter) client(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	const want = 40
	got := 0
	var dial func()
	again := func() {
		w.retries++
		if _, err := timer.After(lp, 20*time.Millisecond, dial); err != nil {
			w.Error(err)
		}
	}
	dial = func() {
		_, err := unix.Dial(lp, simPath, nil, func(c *unix.Conn, err error) {
			if err != nil {
				if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
					w.Errorf("%s: a dial: %v", w.what, err)
				}
				again()
				return
			}
			c.OnClose = func(*unix.Conn, error) {
				if got < want {
					again()
				}
			}
			c.OnRead = func(c *unix.Conn, p []byte) {
				if got += len(p); got == want {
					c.Close()
					return
				}
				if _, err := timer.After(lp, 5*time.Millisecond, func() { c.Write([]byte{1}) }); err != nil {
					w.Error(err)
				}
			}
			c.Write([]byte{1})
		})
		if err != nil {
			w.Error(err)
		}
	}
	dial()
	err = lp.Run()
	if got == want {
		w.done++
	}
	return err
}

// TestServerThatCrashes has in every world a server that is killed and comes back on its path, with all faults.
func TestServerThatCrashes(t *testing.T) {
	const clients = 3
	first, n := sim.Seeds(t, 40)
	served, left, rivals := 0, 0, 0
	for seed := first; seed < first+uint64(n); seed++ {
		faults := sim.Heavy().Without(sim.Crash, sim.TooManyOpen)
		world := sim.New(seed, sim.Config{Faults: faults})
		w := &counter{T: t, what: fmt.Sprint("seed ", seed)}
		srv := world.Host("machine")
		srv.UID, srv.GID, srv.Restart = 1, 100, 30*time.Millisecond
		world.Daemon(srv, w.server)
		other := srv.Process("rival")
		other.UID, other.GID = 1, 100
		world.Daemon(other, func(h *sim.Host) error { return w.rival(h, srv) })
		for i := range clients {
			h := srv.Process(fmt.Sprint("client ", i))
			h.UID, h.GID = 7, 100
			world.Go(h, w.client)
		}
		for at := 50 * time.Millisecond; at < time.Second; at += 90 * time.Millisecond {
			world.At(at, srv.Kill)
		}
		if err := world.Run(); err != nil {
			t.Errorf("%s: %v", w.what, err)
		}
		if w.done != clients {
			t.Errorf("%s: %d clients have all answers", w.what, w.done)
		}
		if w.left != w.served-1 {
			t.Errorf("%s: %d lives of the server, and %d found a file", w.what, w.served, w.left)
		}
		served, left, rivals = served+w.served, left+w.left, rivals+w.rivals
	}
	if n >= 10 && (left == 0 || rivals == 0) {
		t.Errorf("%d lives, %d took a file over, %d rivals were refused", served, left, rivals)
	}
	t.Logf("%d lives, %d took a file over, %d rivals were refused", served, left, rivals)
}

// TestSimulatedPeer holds that a connection in the simulator says of its ends what a real one says.
func TestSimulatedPeer(t *testing.T) {
	world := sim.New(1, sim.Config{})
	h := world.Host("machine")
	world.Go(h, func(h *sim.Host) error {
		lp, err := loop.New(loop.Options{Poller: h})
		if err != nil {
			return err
		}
		defer lp.Close()
		ln, err := unix.Listen(lp, simPath, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *unix.Conn) {
			if c.LocalAddr().String() != simPath || c.RemoteAddr().IsValid() {
				t.Errorf("accepted %v from %v", c.LocalAddr(), c.RemoteAddr())
			}
			c.OnRead = func(*unix.Conn, []byte) {}
			ln.Close()
		}
		_, err = unix.Dial(lp, simPath, nil, func(c *unix.Conn, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			if c.RemoteAddr().String() != simPath || c.LocalAddr().IsValid() {
				t.Errorf("dialed %v from %v", c.RemoteAddr(), c.LocalAddr())
			}
			me, err := unix.PeerCred(c)
			if err != nil || me.PID == 0 {
				t.Errorf("%+v, %v", me, err)
			}
			c.Close()
			if _, err := unix.PeerCred(c); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
		if err != nil {
			return err
		}
		return lp.Run()
	})
	if err := world.Run(); err != nil {
		t.Error(err)
	}
	if _, ok := h.Mode(simPath); ok {
		t.Error("Close has left the file")
	}
}
