package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

const second = time.Second

// A watched connection notes when and why it ended.
type watched struct {
	c      *tcp.Conn
	ended  bool
	after  time.Duration // it was watched
	reason error
}

func (r *rig) watch(c *tcp.Conn) *watched {
	w := &watched{c: c}
	began := r.lp.UpdateNow()
	c.OnClose = func(_ *tcp.Conn, err error) {
		w.ended, w.reason, w.after = true, err, r.lp.UpdateNow().Sub(began)
	}
	return w
}

// timedOut checks why the connection ended, and when, by a clock that nothing makes late.
func (w *watched) timedOut(r *rig, op string, after, slack time.Duration) {
	r.Helper()
	var e *net.OpError
	if !errors.Is(w.reason, os.ErrDeadlineExceeded) || !errors.As(w.reason, &e) || e.Op != op || !e.Timeout() || e.Addr == nil {
		r.Errorf("the reason is %v, want a timeout of %q", w.reason, op)
	}
	if w.after < after-ms || w.after > after+slack {
		r.Errorf("it ended after %v, want %v", w.after, after)
	}
}

// forever runs the loop until cond holds, whatever its clock says.
func (r *rig) forever(cond func() bool) {
	r.Helper()
	for !cond() {
		alive, err := r.lp.RunOnce()
		r.no(err)
		if !alive && !cond() {
			r.Fatal("the loop has ended")
		}
	}
}

// sleep lets d pass.
func (r *rig) sleep(d time.Duration) {
	r.Helper()
	over := false
	r.after(d, func() { over = true })
	r.forever(func() bool { return over })
}

func TestIdleTimeout(t *testing.T) {
	for name, move := range map[string]func(client, server *tcp.Conn){
		"nothing":  func(client, server *tcp.Conn) {},
		"receives": func(client, server *tcp.Conn) { client.WriteString("x") },
		"sends":    func(client, server *tcp.Conn) { server.WriteString("x") },
		"sends much": func(client, server *tcp.Conn) {
			server.Write(make([]byte, 100_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newSimRig(t)
			client, server := r.pairOf(&tcp.Options{IdleTimeout: 10 * second}, nil)
			w, peer := r.watch(server), r.watch(client)
			want := 10 * second
			if name != "nothing" {
				for range 12 {
					r.sleep(9 * second)
					move(client, server)
				}
				want += 12 * 9 * second
			}
			r.forever(func() bool { return w.ended && peer.ended })
			w.timedOut(r, "idle", want, 5*ms)
			r.is(peer.reason, io.EOF) // it has everything: an orderly end
		})
	}
}

// Paused time counts, as nothing moves.
func TestIdleTimeoutWhilePaused(t *testing.T) {
	r := newSimRig(t)
	client, server := r.pairOf(&tcp.Options{IdleTimeout: 10 * second}, nil)
	w := r.watch(server)
	r.no(server.PauseRead())
	r.sleep(5 * second)
	client.WriteString("not read")
	r.forever(func() bool { return w.ended })
	w.timedOut(r, "idle", 10*second, 5*ms)
}

// A peer that takes what the system has is not idle, though nobody tells us; and
// one that stops taking it is.
func TestIdleTimeoutOfASlowReader(t *testing.T) {
	got, sent := 0, 0
	p := ackingHost{sim.New(1, simConfig).Host("host"), func() int { return sent - got }}
	r := newRig(t, loop.Options{Poller: p})
	client, server := r.pairOf(&tcp.Options{IdleTimeout: 10 * second, WriteBuffer: 256 << 10}, &tcp.Options{ReadBuffer: 2 << 10})
	w := r.watch(server)
	const stops = 80 << 10
	client.OnRead = func(c *tcp.Conn, p []byte) { // 4 KiB a second
		got += len(p)
		r.no(c.PauseRead())
		if got < stops {
			r.after(time.Duration(len(p))*ms/4, func() { c.ResumeRead() })
		}
	}
	sent = 100 << 10
	server.Write(make([]byte, sent))
	r.equal("queued", server.Buffered(), 0) // the system has it all
	r.forever(func() bool { return w.ended || got >= stops })
	r.equal("ended", w.ended, false)
	last := r.lp.UpdateNow()
	if took := last.Sub(0); took < 15*second {
		t.Errorf("it took %v, which shows nothing", took)
	}
	r.forever(func() bool { return w.ended })
	between(t, "and then it took", r.lp.UpdateNow().Sub(last), 10*second-ms, 13*second)
	var loss *stream.LossError
	if r.is(w.reason, os.ErrDeadlineExceeded); !errors.As(w.reason, &loss) || loss.Unacked != sent-got {
		t.Errorf("%v does not say that %d bytes may be lost", w.reason, sent-got)
	}
}

// An ackingHost has accepted streams that know what their peer has read.
type ackingHost struct {
	*sim.Host
	unacked func() int
}

func (p ackingHost) Listen(a poller.Addr, o *poller.Options, h poller.Acceptor) (poller.Socket, error) {
	return p.Host.Listen(a, o, ackingAcceptor{h, p.unacked})
}

type ackingAcceptor struct {
	poller.Acceptor
	unacked func() int
}

func (a ackingAcceptor) Accepted(s poller.Stream) poller.StreamHandler {
	return a.Acceptor.Accepted(ackingStream{s, a.unacked})
}

type ackingStream struct {
	poller.Stream
	unacked func() int
}

func (s ackingStream) Unacked() int { return s.unacked() }

func TestReadTimeout(t *testing.T) {
	o := &tcp.Options{ReadTimeout: 10 * second}
	t.Run("silence", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(o, nil)
		w := r.watch(server)
		for range 5 {
			r.sleep(9 * second)
			client.WriteString("x")
		}
		for range 2 { // what is sent does not count
			r.sleep(4 * second)
			server.WriteString("x")
		}
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "read", 55*second, 5*ms)
	})
	t.Run("paused", func(t *testing.T) {
		r := newSimRig(t)
		_, server := r.pairOf(o, nil)
		w := r.watch(server)
		r.sleep(5 * second)
		r.no(server.PauseRead())
		r.sleep(100 * second)
		r.equal("ended while paused", w.ended, false)
		r.no(server.ResumeRead())
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "read", 115*second, 5*ms)
	})
	t.Run("resumed again and again", func(t *testing.T) { // without a pause nothing begins anew
		r := newSimRig(t)
		_, server := r.pairOf(o, nil)
		w := r.watch(server)
		for range 9 {
			r.sleep(second)
			r.no(server.ResumeRead())
		}
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "read", 10*second, 5*ms)
	})
	t.Run("after the end", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(o, nil)
		w := r.watch(server)
		server.OnEOF = func(*tcp.Conn) {}
		r.no(client.CloseWrite())
		r.sleep(100 * second)
		r.equal("ended", w.ended, false)
	})
	t.Run("while dialing", func(t *testing.T) { // there is Options.Timeout for that
		r := newDialRig(t, simConfig, "dead4", "live4")
		between(t, "it took", r.dialName(&tcp.Options{ReadTimeout: 100 * ms}), 250*ms, 255*ms)
		r.no(r.log.err)
		w := r.watch(r.log.conn)
		r.log.conn.OnRead = stream.Discard
		r.forever(func() bool { return w.ended })
		w.timedOut(r.rig, "read", 100*ms-ms, 5*ms)
	})
}

func TestWriteTimeout(t *testing.T) {
	listens := &tcp.Options{WriteTimeout: 10 * second, WriteBuffer: 8 << 10}
	dials := &tcp.Options{ReadBuffer: 8 << 10}
	t.Run("nothing queued", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w := r.watch(server)
		r.no(client.PauseRead())
		server.WriteString("a little, that the system takes")
		r.sleep(100 * second)
		r.equal("ended", w.ended, false)
		_, armed := stream.Armed(server)
		r.equal("a timer", armed, false)
	})
	t.Run("stalled", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w, peer := r.watch(server), r.watch(client)
		r.no(client.PauseRead())
		var lost error
		r.sleep(100 * second) // of silence, which are no part of it
		r.no(server.WriteBuffers([][]byte{make([]byte, 100_000)}, func(err error) { lost = err }))
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "write", 110*second, 3*second)
		r.is(lost, os.ErrDeadlineExceeded)
		r.no(client.ResumeRead())
		r.forever(func() bool { return peer.ended })
		r.is(peer.reason, syscall.ECONNRESET) // it has not got everything
	})
	t.Run("more is written meanwhile", func(t *testing.T) { // which is no progress
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w := r.watch(server)
		r.no(client.PauseRead())
		server.Write(make([]byte, 100_000))
		for range 9 {
			r.sleep(second)
			server.Write(make([]byte, 100))
		}
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "write", 10*second, 3*second)
	})
	t.Run("slow", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w := r.watch(server)
		got := 0
		client.OnRead = func(c *tcp.Conn, p []byte) { // 4 KiB a second
			got += len(p)
			r.no(c.PauseRead())
			r.after(time.Duration(len(p))*ms/4, func() { c.ResumeRead() })
		}
		server.Write(make([]byte, 100_000))
		r.forever(func() bool { return w.ended || got == 100_000 })
		r.equal("ended", w.ended, false)
	})
	t.Run("slow, and then stopped", func(t *testing.T) {
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w := r.watch(server)
		got := 0
		var last poller.Time
		client.OnRead = func(c *tcp.Conn, p []byte) { // 4 KiB a second
			got += len(p)
			last = r.lp.UpdateNow()
			r.no(c.PauseRead())
			if got < 60_000 {
				r.after(time.Duration(len(p))*ms/4, func() { c.ResumeRead() })
			}
		}
		server.Write(make([]byte, 200_000))
		r.forever(func() bool { return w.ended })
		r.is(w.reason, os.ErrDeadlineExceeded)
		between(t, "since it stopped", r.lp.UpdateNow().Sub(last), 10*second-ms, 13*second)
	})
	t.Run("closing", func(t *testing.T) { // is DrainTimeout's
		r := newSimRig(t)
		client, server := r.pairOf(listens, dials)
		w := r.watch(server)
		r.no(client.PauseRead())
		server.Write(make([]byte, 100_000))
		r.no(server.SetDrainTimeout(20 * second))
		r.sleep(5 * second)
		r.no(server.Close())
		r.forever(func() bool { return w.ended })
		w.timedOut(r, "close", 25*second, 5*ms)
	})
}

func TestReadDeadline(t *testing.T) {
	r := newSimRig(t)
	client, server := r.pair()
	w := r.watch(server)
	r.no(server.SetReadDeadline(0)) // nothing to lift
	r.equal("memory for that", stream.Rare(server), false)
	r.no(server.SetReadDeadline(10 * second))
	for range 9 {
		r.sleep(second)
		client.WriteString("x")
	}
	r.no(server.SetReadDeadline(10 * second)) // further away, at 19 s
	r.sleep(9 * second)
	r.equal("ended", w.ended, false)
	r.no(server.SetReadDeadline(0))
	r.sleep(100 * second)
	r.equal("ended", w.ended, false)
	r.no(server.PauseRead())
	r.no(server.SetReadDeadline(100 * second))
	r.no(server.SetReadDeadline(5 * second)) // nearer
	r.forever(func() bool { return w.ended })
	w.timedOut(r, "read", 123*second, 5*ms) // paused or not
}

// Timeouts can be set, shortened, lengthened and taken away at any time, and count
// from what has happened.
func TestTimeoutsChange(t *testing.T) {
	for _, c := range []struct {
		what   string
		first  time.Duration
		change time.Duration // after 5 s
		want   time.Duration
	}{
		{"shorter", 100 * second, 10 * second, 10 * second},
		{"over already", 100 * second, 2 * second, 5 * second},
		{"longer", 10 * second, 100 * second, 100 * second},
		{"late", 0, 10 * second, 15 * second}, // nothing was remembered before
		{"off", 10 * second, 0, -1},
		{"negative", 10 * second, -1, -1},
	} {
		t.Run(c.what, func(t *testing.T) {
			for op, set := range map[string]func(*tcp.Conn, time.Duration) error{
				"idle": (*tcp.Conn).SetIdleTimeout, "read": (*tcp.Conn).SetReadTimeout,
			} {
				r := newSimRig(t)
				_, server := r.pair()
				r.no(set(server, c.first))
				w := r.watch(server)
				r.sleep(5 * second)
				r.no(set(server, c.change))
				r.equal("callbacks from inside it", w.ended, false)
				r.sleep(200 * second)
				if r.equal("ended", w.ended, c.want >= 0); c.want >= 0 {
					w.timedOut(r, op, c.want, 5*ms)
				}
			}
		})
	}
	r := newSimRig(t)
	_, server := r.pair()
	r.no(server.Close())
	for _, set := range []func(*tcp.Conn, time.Duration) error{
		(*tcp.Conn).SetIdleTimeout, (*tcp.Conn).SetReadTimeout, (*tcp.Conn).SetWriteTimeout, (*tcp.Conn).SetReadDeadline,
	} {
		r.is(set(server, second), net.ErrClosed)
	}
}

// In OnAccept, and in the function given to Dial.
func TestTimeoutsSetInCallbacks(t *testing.T) {
	r := newSimRig(t)
	var server *watched
	ln := r.listen(nil, func(c *tcp.Conn) {
		r.no(c.SetIdleTimeout(10 * second))
		server = r.watch(c)
	})
	var client *watched
	c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		r.no(err)
		r.no(c.SetReadDeadline(5 * second))
		client = r.watch(c)
	})
	r.no(err)
	r.no(c.SetIdleTimeout(7 * second)) // before it is connected
	r.forever(func() bool { return client != nil && client.ended })
	client.timedOut(r, "read", 5*second, 5*ms)
	r.forever(func() bool { return server.ended })
	r.is(server.reason, io.EOF)
}

// A loop that was late, for a callback took long or the process was stopped, reads
// what has arrived meanwhile before it calls anybody silent.
func TestTimeoutsWaitForWhatHasArrived(t *testing.T) {
	r := newRig(t)
	server, nc := r.peer(nil)
	w := r.watch(server)
	got := ""
	server.OnRead = func(c *tcp.Conn, p []byte) {
		got += string(p)
		r.no(c.SetReadDeadline(0))
	}
	a, b := r.pair() // timers come before the poll that follows such a callback
	b.OnRead = func(*tcp.Conn, []byte) {
		r.no(server.SetIdleTimeout(50 * ms))
		r.no(server.SetReadTimeout(50 * ms))
		r.no(server.SetReadDeadline(50 * ms))
		nc.Write([]byte("x"))
		time.Sleep(120 * ms)
	}
	a.WriteString("now")
	r.until("it is read", func() bool { return got == "x" })
	r.equal("ended", w.ended, false)
	r.until("it is silent", func() bool { return w.ended })
	r.is(w.reason, os.ErrDeadlineExceeded)
}
