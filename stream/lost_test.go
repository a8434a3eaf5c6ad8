package stream_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// worlds runs a test on the system's poller and in simulated worlds, in which sends are
// short and late and reads are split.
func worlds(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Run("system", func(t *testing.T) { test(newRig(t)) })
	faults := sim.Light().Without(sim.Refuse, sim.Reset, sim.Timeout, sim.DropUnread, sim.TooManyOpen)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("world ", seed), func(t *testing.T) {
			host := sim.New(seed, sim.Config{Faults: faults}).Host("host")
			test(newRig(t, loop.Options{Poller: host}))
		})
	}
}

func isGone(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// The peer ends its side, and then is gone: nobody writes, and yet it is told, be the
// connection reading or paused, and its place is free again.
func TestResetAfterEnd(t *testing.T) {
	t.Run("read", func(t *testing.T) { resetAfterEnd(t, stream.Discard) })
	t.Run("no OnRead", func(t *testing.T) { resetAfterEnd(t, nil) })
}

func resetAfterEnd(t *testing.T, onRead func(*tcp.Conn, []byte)) {
	worlds(t, func(r *rig) {
		const n = 4
		eofs, ends := 0, 0
		var dialed []*tcp.Conn
		ln := r.listen(&tcp.Options{MaxConns: n}, func(c *tcp.Conn) {
			c.OnRead = onRead
			c.OnEOF = func(c *tcp.Conn) {
				if eofs++; eofs%2 == 0 {
					r.no(c.PauseRead())
				}
			}
			c.OnClose = func(_ *tcp.Conn, err error) {
				ends++
				r.is(err, syscall.ECONNRESET)
			}
		})
		for range n {
			c := r.dial(ln, nil)
			c.WriteString("request")
			r.no(c.CloseWrite())
			dialed = append(dialed, c)
		}
		r.until("all ends are seen", func() bool { return eofs == n })
		r.equal("ended", ends, 0)
		for _, c := range dialed {
			r.no(c.Abort())
		}
		r.until("all are told", func() bool { return ends == n })
		r.equal("Open", ln.Metrics().Open, 0)
		r.no(ln.Close())
		r.run()
	})
}

// The most ordinary client closes, and what it is answered is met by a reset.
func TestAnswerAfterEnd(t *testing.T) {
	r := newRig(t)
	ended := false
	var reason error
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnRead = stream.Discard
		c.OnEOF = func(c *tcp.Conn) { c.WriteString("half of an answer") }
		c.OnClose = func(_ *tcp.Conn, err error) { ended, reason = true, err }
	})
	nc, err := net.Dial("tcp", ln.LocalAddr().String())
	r.no(err)
	nc.Write([]byte("request"))
	nc.Close()
	r.until("it is told", func() bool { return ended })
	r.equal("gone", isGone(reason), true)
}

// A connection that only writes has no OnRead, and sees the peer's end and its reset all
// the same.
func TestPushedToAPeerThatGoes(t *testing.T) {
	for name, go_ := range map[string]func(*tcp.Conn) error{"end": (*tcp.Conn).Close, "reset": (*tcp.Conn).Abort} {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(r *rig) {
				ended := false
				var reason error
				ln := r.listen(nil, func(c *tcp.Conn) {
					c.OnClose = func(_ *tcp.Conn, err error) { ended, reason = true, err }
				})
				peer := r.dial(ln, nil)
				r.until("it is accepted", func() bool { return ln.Metrics().Open == 1 })
				r.no(go_(peer))
				r.until("it is told", func() bool { return ended })
				if want := map[string]error{"end": io.EOF, "reset": syscall.ECONNRESET}[name]; !errors.Is(reason, want) {
					r.Errorf("the reason is %v", reason)
				}
				r.no(ln.Close())
				r.run()
			})
		})
	}
}

// Something has arrived that nobody reads, and a write finds that the peer is gone: a
// reader may be on his way, but not for ever.
func TestPushedToAPeerThatHasTalked(t *testing.T) {
	r := newRig(t)
	var c *tcp.Conn
	ended := false
	ln := r.listen(nil, func(a *tcp.Conn) {
		c = a
		c.OnClose = func(*tcp.Conn, error) { ended = true }
	})
	peer := r.dial(ln, nil)
	peer.WriteString("subscribe")
	r.until("it is accepted", func() bool { return c != nil && peer.Buffered() == 0 })
	r.rest(5 * time.Millisecond)
	r.no(peer.CloseNow())
	for !ended {
		c.WriteString("news")
		r.rest(5 * time.Millisecond)
	}
	r.no(ln.Close())
	r.run()
}

// OnRead is set some time after the connection is there, by a function that calls nothing
// else: all that has arrived, and what follows, is read.
func TestOnReadSetLate(t *testing.T) {
	late := func(r *rig, crowd int) {
		const text = "all of this has arrived before anybody reads"
		got, closed := map[*tcp.Conn]string{}, 0
		take := func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { got[c] += string(p) }
		}
		var accepted []*tcp.Conn
		ln := r.listen(nil, func(c *tcp.Conn) {
			accepted = append(accepted, c)
			c.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF); closed++ }
		})
		for range crowd {
			c := r.dial(ln, nil)
			c.WriteString(text[:10])
		}
		r.until("all are accepted", func() bool { return len(accepted) == crowd })
		r.rest(5 * time.Millisecond)
		r.equal("read by nobody", len(got), 0)
		r.no(r.lp.Post(func() {
			for _, c := range accepted {
				take(c)
			}
		}))
		r.until("it is read", func() bool { return len(got) == crowd })
		for _, h := range r.conns() {
			if got[h] == "" && !h.Closing() {
				h.WriteString(text[10:])
				r.no(h.Close())
			}
		}
		r.until("all have ended", func() bool { return closed == crowd })
		for _, s := range got {
			r.equal("read", s, text)
		}
		r.no(ln.Close())
		r.run()
	}
	worlds(t, func(r *rig) { late(r, 1) })
	t.Run("a crowd", func(t *testing.T) { late(newRig(t), 200) }) // more than are looked at in every turn
}

// conns are the connections on the loop.
func (r *rig) conns() (cs []*tcp.Conn) {
	r.lp.Walk(func(h loop.Handle) {
		if c, ok := h.(*tcp.Conn); ok {
			cs = append(cs, c)
		}
	})
	return cs
}

// Whoever has an OnEOF and no OnRead hears of the end behind what has arrived, which is
// kept for an OnRead that comes later, be it after the end. Of more than is kept the rest
// stays with the system, and so the end waits.
func TestEndWithoutOnRead(t *testing.T) {
	for _, size := range []int{7, 60_000, 1 << 20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			worlds(t, func(r *rig) {
				var c *tcp.Conn
				var sent, got pattern
				ends, closed := 0, false
				ln := r.listen(nil, func(a *tcp.Conn) {
					c = a
					c.OnEOF = func(*tcp.Conn) { ends++ }
					c.OnClose = func(_ *tcp.Conn, err error) { r.no(err); closed = true }
				})
				d := r.dial(ln, nil)
				d.Write(sent.next(size))
				r.no(d.CloseWrite())
				kept := size <= 60_000
				if kept {
					r.until("the end is heard of", func() bool { return ends == 1 })
				} else {
					r.until("something is accepted", func() bool { return c != nil })
					r.rest(50 * time.Millisecond)
					r.equal("ends heard of", ends, 0)
				}
				c.OnRead = func(_ *tcp.Conn, p []byte) {
					r.no(got.check(p))
				}
				r.until("all is read, and the end", func() bool { return got.at == size && ends == 1 })
				r.equal("still writable", c.Writable(), true)
				r.no(c.Close())
				r.until("it is closed", func() bool { return closed })
			})
		})
	}
}

// OnRead is taken away and set again, in the middle of things: nothing is lost, and the
// end comes behind it.
func TestOnReadTakenAway(t *testing.T) {
	worlds(t, func(r *rig) {
		peer, c := r.pair()
		var sent, got pattern
		ended, away := false, 0
		var read func(c *tcp.Conn, p []byte)
		read = func(c *tcp.Conn, p []byte) {
			r.no(got.check(p))
			if away++; away%2 == 0 {
				c.OnRead = nil
				r.after(time.Millisecond, func() { c.OnRead = read })
			} else { // gone when the next arrives, which the loop has by then
				r.after(0, func() { c.OnRead = nil })
				r.after(3*time.Millisecond, func() { c.OnRead = read })
			}
		}
		c.OnRead = read
		c.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF); ended = true }
		for range 8 {
			peer.Write(sent.next(100_000))
		}
		r.no(peer.Close())
		r.until("it has ended", func() bool { return ended })
		r.equal("read", got.at, sent.at)
		r.run()
	})
}

// Reading is paused, the peer has sent much and is gone, and a write finds that out: what
// had arrived is read when the pause is over, and then the reset is told.
func TestPausedDataAndWriteError(t *testing.T) {
	worlds(t, func(r *rig) {
		peer, c := r.pair()
		var sent, got pattern
		ended := false
		var reason error
		c.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }
		c.OnClose = func(_ *tcp.Conn, err error) { ended, reason = true, err }
		r.no(c.PauseRead())
		peer.Write(sent.next(3000)) // what the smallest buffer takes
		r.until("it is sent", func() bool { return peer.Buffered() == 0 })
		if _, simulated := r.lp.Maker().Poller().(*sim.Host); simulated {
			r.rest(10 * time.Second) // what is lost on the way is sent again
		}
		r.rest(50 * time.Millisecond)
		r.no(peer.Abort())
		r.rest(50 * time.Millisecond)
		for c.Writable() && !ended {
			c.WriteString("more of it")
			r.rest(time.Millisecond)
		}
		r.rest(20 * time.Millisecond)
		if ended && forgetsResets() {
			r.Skip("the system has dropped what was not read")
		}
		r.equal("ended while something waits", ended, false)
		r.no(c.ResumeRead())
		r.until("it is told", func() bool { return ended })
		r.equal("read", got.at, sent.at)
		r.equal("gone", isGone(reason), true)
		r.run()
	})
}
