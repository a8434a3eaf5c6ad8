package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// shown is what Metrics say after a turn.
func (r *rig) shown() loop.Metrics {
	r.Helper()
	r.turns(1)
	return r.lp.Metrics()
}

// Each reason of OnClose is counted as what the table of the package comment calls it.
func TestEndsAreCountedByReason(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(r *rig, c, peer *tcp.Conn)
		want func(e *loop.Ends) *uint64
	}{
		{"Close", func(r *rig, c, peer *tcp.Conn) { r.no(c.Close()) }, func(e *loop.Ends) *uint64 { return &e.Closed }},
		{"the peer's end", func(r *rig, c, peer *tcp.Conn) { r.no(peer.Close()) }, func(e *loop.Ends) *uint64 { return &e.EOF }},
		{"the peer's reset", func(r *rig, c, peer *tcp.Conn) { r.no(peer.Abort()) }, func(e *loop.Ends) *uint64 { return &e.Reset }},
		{"Abort", func(r *rig, c, peer *tcp.Conn) { r.no(c.Abort()) }, func(e *loop.Ends) *uint64 { return &e.Aborted }},
		{"a timeout", func(r *rig, c, peer *tcp.Conn) { r.no(c.SetReadDeadline(time.Second)) },
			func(e *loop.Ends) *uint64 { return &e.TimedOut }},
		{"a QueueLimit", func(r *rig, c, peer *tcp.Conn) {
			r.no(c.SetQueueLimit(&stream.QueueLimit{Bytes: 1}))
			_, err := c.Write(make([]byte, 2))
			r.equal("error", errors.Is(err, stream.ErrQueueLimit), true)
		}, func(e *loop.Ends) *uint64 { return &e.Limited }},
		{"a Shutdown", func(r *rig, c, peer *tcp.Conn) { r.no(r.lp.Shutdown(r.Context(), 0, nil)) },
			func(e *loop.Ends) *uint64 { return &e.Shutdown }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := sim.New(1, sim.Config{})
			r := newRig(t, loop.Options{Poller: w.Host("host")})
			var served *tcp.Conn
			ln := r.listen(nil, func(c *tcp.Conn) { served = c; c.OnRead = stream.Discard })
			made := false
			dialed, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
				r.no(err)
				c.OnRead, made = stream.Discard, true
			})
			r.no(err)
			r.until("both are there", func() bool { return made && served != nil })
			r.equal("open", r.shown().Conns, loop.Conns{Open: 2})
			before := r.lp.Metrics()
			var reason error
			ended := 0
			dialed.OnClose = func(_ *tcp.Conn, err error) { reason = err; ended++ }
			served.OnClose = func(*tcp.Conn, error) { ended++ }
			c.end(r, dialed, served)
			r.until("it has ended", func() bool { return dialed.Closing() && ended > 0 })
			served.Abort() // which may have ended
			r.until("both have ended", func() bool { return ended == 2 })
			since := r.shown().Since(&before)
			if n := *c.want(&since.Ended); n == 0 || n == 2 && c.name != "a Shutdown" && c.name != "Abort" {
				t.Errorf("counted: %+v, the reason is %v", since.Ended, reason)
			}
			r.equal("connections left", since.Conns, loop.Conns{})
		})
	}
	t.Run("a dial that fails", func(t *testing.T) {
		w := sim.New(1, sim.Config{})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		_, err := tcp.Dial(r.lp, "127.0.0.1:1", nil, func(_ *tcp.Conn, err error) {
			r.equal("refused", errors.Is(err, syscall.ECONNREFUSED), true)
		})
		r.no(err)
		r.equal("while it is dialed", r.shown().Conns, loop.Conns{Dialing: 1})
		r.run()
		r.equal("ends", r.lp.Metrics().Ended, loop.Ends{Failed: 1})
		r.equal("connections left", r.lp.Metrics().Conns, loop.Conns{})
	})
}

// What goes through is counted, and so is what is queued and what is kept.
func TestTrafficIsCounted(t *testing.T) {
	for _, size := range []int{1, 100, 3000, 200_000, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			w := sim.New(uint64(size), sim.Config{Faults: sim.Light()})
			r := newRig(t, loop.Options{Poller: w.Host("host")})
			got, calls := 0, uint64(0)
			ln := r.listen(nil, func(c *tcp.Conn) {
				c.OnRead = func(c *tcp.Conn, p []byte) { got += len(p); calls++ }
			})
			_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
				r.no(err)
				c.Write(make([]byte, size/2))
				r.no(c.WriteBuffers([][]byte{make([]byte, size-size/2)}, nil))
			})
			r.no(err)
			r.until("all has come", func() bool {
				r.equal("queued", r.shown().Stream.Queued, stream.Queued(r.lp))
				return got == size
			})
			m := r.shown().Stream
			writes := uint64(2)
			if size/2 == 0 {
				writes = 1
			}
			r.equal("traffic", m, loop.Traffic{BytesIn: uint64(size), BytesOut: uint64(size), MessagesIn: calls, MessagesOut: writes})
		})
	}
}

// So are files, those of which a copy is queued and those that the system or a job reads.
func TestFilesAreCounted(t *testing.T) {
	for _, size := range []int{1, 1000, 3 << 20} {
		senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
			client, server := r.pairOf(o, nil)
			before := r.shown().Stream
			got, sent := 0, false
			client.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
			r.no(server.SendFile(r.whole(size), 0, int64(size), func(err error) { r.no(err); sent = true }))
			if size > 1<<20 {
				r.equal("Explain has the file", strings.HasSuffix(server.Explain(), " 3145728 bytes of files to be sent"), true)
			}
			r.until("all has come", func() bool { return got == size && sent })
			m := r.shown().Stream
			r.equal("in", m.BytesIn-before.BytesIn, uint64(size))
			r.equal("out", m.BytesOut-before.BytesOut, uint64(size))
			r.equal("messages", m.MessagesOut-before.MessagesOut, uint64(1))
			r.equal("queued", m.Queued, 0)
		})
	}
}

// What OnRead leaves is counted until it takes it, or somebody else does.
func TestLeftIsCounted(t *testing.T) {
	ends := map[string]func(r *rig, c *tcp.Conn){
		"OnRead": func(r *rig, c *tcp.Conn) {
			c.OnRead = stream.Discard
			r.no(c.ResumeRead())
		},
		"NetConn": func(r *rig, c *tcp.Conn) { r.netConn(c).Close() },
		"Abort":   func(r *rig, c *tcp.Conn) { r.no(c.Abort()) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c, peer := r.pair()
			d := reads(c, func(c *tcp.Conn, p []byte) {
				r.no(c.Unread(p[1:]))
				r.no(c.Need(9))
			})
			r.write(peer, d, "left")
			r.equal("unread", r.shown().Stream.Unread, 3)
			if text := c.Explain(); !strings.HasSuffix(text, ": open, reads, 3 bytes unread, OnRead waits for 9 bytes") {
				t.Error(text)
			}
			r.no(c.PauseRead())
			r.no(stream.Prepend(c, []byte("more")))
			r.equal("unread", r.shown().Stream.Unread, 7)
			end(r, c)
			r.until("nothing is unread", func() bool { return r.shown().Stream.Unread == 0 })
		})
	}
}

func TestUnreadIsCounted(t *testing.T) {
	t.Run("until it is read", func(t *testing.T) { testUnread(t, true) })
	t.Run("until the connection has ended", func(t *testing.T) { testUnread(t, false) })
}

func testUnread(t *testing.T, read bool) {
	w := sim.New(1, sim.Config{})
	r := newRig(t, loop.Options{Poller: w.Host("host")})
	var served *tcp.Conn
	ln := r.listen(nil, func(c *tcp.Conn) { served = c; c.OnEOF = func(*tcp.Conn) {} })
	_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		r.no(err)
		c.WriteString("unread")
	})
	r.no(err)
	r.until("something is kept", func() bool { return r.shown().Stream.Unread > 0 })
	r.equal("unread", r.lp.Metrics().Stream.Unread, len("unread"))
	if !read {
		r.no(served.Abort())
		r.until("it has ended", func() bool { return r.shown().Conns == loop.Conns{} })
		r.equal("unread", r.shown().Stream.Unread, 0)
		return
	}
	got := ""
	served.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
	r.no(served.ResumeRead())
	r.until("it is read", func() bool { return got == "unread" })
	r.equal("unread", r.shown().Stream.Unread, 0)
}

// In any world the states add up to the connections that there are, whatever becomes of them, and in the end
// nothing is left but the ends: as many as there were connections.
func TestConnsAddUpInAnyWorld(t *testing.T) {
	worlds := 300
	if testing.Short() || checked {
		worlds = 40
	}
	cfg := sim.Config{Faults: sim.Heavy().Without(sim.Crash), Params: []sim.Param{{Name: "clients", Value: 6, Min: 1}}}
	sim.Explore(t, worlds, cfg, func(w *sim.World) error {
		w.Go(w.Host("host"), countedProgram)
		return w.Run()
	})
}

// countedProgram has connections between a host and itself come to all kinds of ends.
func countedProgram(h *sim.Host) error {
	w := h.World()
	rnd := w.Rand()
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	begun := uint64(0)
	fate := func(c *tcp.Conn) {
		c.OnRead = stream.Discard
		switch rnd.IntN(8) {
		case 0:
			c.Close()
		case 1:
			c.Abort()
		case 2:
			c.Write(make([]byte, rnd.IntN(1<<20)))
			c.Close()
		case 3:
			c.OnEOF = func(*tcp.Conn) {}
			c.OnRead = nil
			c.CloseWrite()
		case 4:
			c.SetReadDeadline(time.Duration(1 + rnd.IntN(int(time.Second))))
		case 6:
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Unread(p[rnd.IntN(len(p)+1):]) }
			c.Write(make([]byte, rnd.IntN(1<<16)))
		case 5:
			c.StartLayer(layer.Identity{}, func(*tcp.Conn, error) {})
		}
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:7000", nil)
	if err != nil {
		return lp.Close() // by a fault
	}
	ln.OnAccept = func(c *tcp.Conn) { begun++; fate(c) }
	o := &tcp.Options{Timeout: time.Second, IdleTimeout: time.Minute}
	for range w.Param("clients") {
		c, err := tcp.Dial(lp, "127.0.0.1:7000", o, func(c *tcp.Conn, err error) {
			if err == nil {
				fate(c)
			}
		})
		if err != nil {
			continue
		}
		if begun++; rnd.IntN(8) == 0 {
			c.Close()
		}
	}
	if err := lp.Shutdown(context.Background(), time.Duration(rnd.Int64N(int64(10*time.Second))), nil); err != nil {
		return err
	}
	return addsUp(lp, &begun)
}

// addsUp runs the loop, and compares after each turn.
func addsUp(lp *loop.Loop, begun *uint64) error {
	sum := func(c loop.Conns) int { return c.Dialing + c.Handshaking + c.Open + c.Closing }
	for alive := true; alive; {
		var err error
		if alive, err = lp.RunOnce(); err != nil {
			return err
		}
		conns, unread := 0, 0
		lp.Walk(func(h loop.Handle) {
			if c, ok := h.(*tcp.Conn); ok {
				conns++
				unread += stream.HasUnread(c)
			}
		})
		least := func(c loop.Conns) int { return min(c.Dialing, c.Handshaking, c.Open, c.Closing) }
		if m := lp.Metrics(); sum(m.Conns) != conns || least(m.Conns) < 0 || m.Stream.Queued != stream.Queued(lp) {
			return fmt.Errorf("there are %d connections, counted %+v; %d bytes are queued, counted %d",
				conns, m.Conns, stream.Queued(lp), m.Stream.Queued)
		} else if m.Stream.Unread != unread {
			return fmt.Errorf("%d bytes are unread, counted %d", unread, m.Stream.Unread)
		}
	}
	if err := lp.Close(); err != nil {
		return err
	}
	m := lp.Metrics()
	e := m.Ended
	n := e.Closed + e.EOF + e.Reset + e.TimedOut + e.Aborted + e.Limited + e.Shutdown + e.Failed
	if n != *begun || m.Conns != (loop.Conns{}) {
		return fmt.Errorf("%d connections began; left are %+v, and the ends are %+v", *begun, m.Conns, e)
	}
	if m.Stream.Queued != 0 || m.Stream.Unread != 0 {
		return fmt.Errorf("%d bytes are queued, and %d unread, of nobody", m.Stream.Queued, m.Stream.Unread)
	}
	return nil
}
