package stream_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A hasty poller has streams that do not tell what the peer has acknowledged, so
// that Close cannot wait for it.
type hasty struct{ *sim.Host }

func (h hasty) Listen(addr poller.Addr, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	return h.Host.Listen(addr, o, hastyAcceptor{a})
}

type hastyAcceptor struct{ poller.Acceptor }

func (h hastyAcceptor) Accepted(s poller.Stream) poller.StreamHandler {
	return h.Acceptor.Accepted(struct{ poller.Stream }{s})
}

// talkers is a world of a server that answers each connection at length and closes
// it, while its client goes on talking: whatever the network does that TCP hides,
// the client gets everything and then the end.
func talkers(hide bool) func(w *sim.World) error {
	return func(w *sim.World) error {
		size, srv := w.Param("size"), w.Host("srv")
		w.Daemon(srv, func(h *sim.Host) error {
			var p poller.Poller = h
			if hide {
				p = hasty{h}
			}
			lp, err := loop.New(loop.Options{Poller: p})
			if err != nil {
				return err
			}
			ln, err := tcp.Listen(lp, ":7000", nil)
			if err != nil {
				return err
			}
			ln.OnAccept = func(c *tcp.Conn) {
				c.OnClose = func(_ *tcp.Conn, err error) {
					if err != nil {
						w.Errorf("the server's connection ended with %v", err)
					}
				}
				c.Write(make([]byte, size))
				c.Close()
			}
			return lp.Run()
		})
		for i := range w.Param("clients") {
			w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error { return talk(h, size) })
		}
		return w.Run()
	}
}

// talk is a client that writes a byte now and then.
func talk(h *sim.Host, size int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	got := 0
	var ended error
	_, err = tcp.Dial(lp, "10.0.0.1:7000", nil, func(c *tcp.Conn, err error) {
		if err != nil {
			ended = err
			return
		}
		tick, _ := timer.Every(lp, 3*time.Millisecond, func() { c.WriteString("x") })
		tick.Unref()
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		c.OnClose = func(_ *tcp.Conn, err error) { tick.Stop(); ended = err }
	})
	if err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if got != size || errors.Is(ended, syscall.ECONNRESET) {
		return fmt.Errorf("received %d bytes of %d, then %w", got, size, ended)
	}
	return nil
}

func TestCloseLosesNothingInAnyWorld(t *testing.T) {
	cfg := sim.Config{
		Faults: sim.Heavy().Without(sim.Reset, sim.Refuse, sim.Timeout, sim.Crash, sim.TooManyOpen),
		Params: []sim.Param{{Name: "clients", Value: 5, Min: 1}, {Name: "size", Value: 300_000, Min: 1}},
	}
	worlds := 200
	if testing.Short() || checked {
		worlds = 20
	}
	sim.Explore(t, worlds, cfg, talkers(false))

	// The same worlds do lose something where Close does not wait.
	r := sim.Search(1, worlds, cfg, talkers(true))
	if r.Failure == nil {
		t.Errorf("%d worlds of connections that are closed at once lost nothing", r.Worlds)
	} else {
		t.Logf("without waiting, seed %d: %v", r.Failure.Seed, r.Failure.Err)
	}
}

// The bound of Close may be lifted while all is with the system and the peer has not
// acknowledged it, or been silent: the connection still ends when it has.
func TestNoDrainTimeoutWhileLingering(t *testing.T) {
	for name, hide := range map[string]bool{"acknowledgements": false, "silence": true} {
		t.Run(name, func(t *testing.T) {
			r, client, server := lingers(t, hide, nil)
			ended := r.watch(server)
			r.no(server.SetDrainTimeout(-1))
			if !hide {
				r.pass(time.Minute)
				r.equal("ended", ended.ended, false)
			}
			r.no(client.ResumeRead())
			r.pass(3 * second)
			r.equal("ended", ended.ended, true)
			r.no(ended.reason)
		})
	}
}

// A bound that comes while the peer of a lingering connection goes on talking counts from then on.
func TestDrainTimeoutOfATalker(t *testing.T) {
	r, client, server := lingers(t, true, &tcp.Options{DrainTimeout: -1})
	ended := r.watch(server)
	talk := func(times int) {
		for range times {
			client.WriteString("x")
			r.pass(500 * ms)
		}
	}
	talk(6)
	r.no(server.SetDrainTimeout(5 * second))
	talk(8)
	r.equal("ended", ended.ended, false)
	talk(5)
	r.equal("ended", ended.ended, true)
}

// lingers is a connection that lingers after a drain. Its peer, which reads nothing and
// never ends, is on the same loop of a simulated host.
func lingers(t *testing.T, hide bool, o *tcp.Options) (r *rig, client, server *tcp.Conn) {
	t.Helper()
	h := sim.New(1, sim.Config{SendBuffer: 1 << 20, RecvBuffer: 16 << 10, Limit: 24 * time.Hour}).Host("host")
	var p poller.Poller = h
	if hide {
		p = hasty{h}
	}
	r = newRig(t, loop.Options{Poller: p})
	client, server = r.pairOf(o, nil)
	client.OnEOF = func(*tcp.Conn) {}
	r.no(client.PauseRead())
	for range 100 {
		server.Write(make([]byte, 1<<10)) // so little is queued in any case
	}
	r.no(server.Close()) // it drains, because nothing is sent before the loop runs
	r.pass(20 * ms)
	r.equal("queued", server.Buffered(), 0)
	return r, client, server
}
