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
