package stream_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
	"example.com/pike/poller/system"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// patience bounds every wait. Nothing is expected to take so long, on however
// busy a machine.
const patience = 60 * time.Second

const loopback = "127.0.0.1:0"

// A rig is a loop and what a test does with it.
type rig struct {
	testing.TB
	lp *loop.Loop
}

func newRig(t testing.TB, o ...loop.Options) *rig {
	t.Helper()
	var opts loop.Options
	if len(o) > 0 {
		opts = o[0]
	}
	lp, err := loop.New(opts)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend on this system yet: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing the loop: %v", err)
		}
	})
	return &rig{t, lp}
}

// guard arms a timer that does not keep the loop running.
func (r *rig) guard(fn func()) *timer.Timer {
	r.Helper()
	t, err := timer.After(r.lp, patience, fn)
	r.no(err)
	t.Unref()
	return t
}

// run runs the loop until it ends by itself.
func (r *rig) run() {
	r.Helper()
	late := false
	g := r.guard(func() { late = true; r.lp.Stop() })
	r.no(r.lp.Run())
	if late {
		r.Fatalf("the loop still ran after %v; handles left: %v", patience, r.handles())
	}
	g.Stop()
}

// until runs turns of the loop until cond holds.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	late := false
	g := r.guard(func() { late = true })
	for !cond() {
		alive, err := r.lp.RunOnce()
		r.no(err)
		if late || !alive && !cond() {
			r.Fatalf("waited in vain until %s (loop alive: %v); handles: %v", what, alive, r.handles())
		}
	}
	g.Stop()
}

// turns runs n turns that do not wait.
func (r *rig) turns(n int) {
	r.Helper()
	for range n {
		_, err := r.lp.RunNoWait()
		r.no(err)
	}
}

// rest runs the loop for d, however little there is to do and however long that is.
func (r *rig) rest(d time.Duration) {
	r.Helper()
	over := false
	for ; d > patience/2; d -= patience / 2 {
		r.rest(patience / 2)
	}
	r.after(d, func() { over = true })
	r.until("the time is over", func() bool { return over })
}

// pass is rest for a simulated clock, on which an hour costs nothing.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	over := false
	r.after(d, func() { over = true })
	for range 1_000_000 {
		if over {
			return
		}
		_, err := r.lp.RunOnce()
		r.no(err)
	}
	r.Fatalf("%v do not pass", d)
}

func (r *rig) after(d time.Duration, fn func()) *timer.Timer {
	r.Helper()
	t, err := timer.After(r.lp, d, fn)
	r.no(err)
	return t
}

func (r *rig) handles() (left []string) {
	r.lp.Walk(func(h loop.Handle) { left = append(left, fmt.Sprintf("%T", h)) })
	return left
}

// listen opens a listener on any port of the loopback.
func (r *rig) listen(o *tcp.Options, fn func(*tcp.Conn)) *tcp.Listener {
	r.Helper()
	ln, err := tcp.Listen(r.lp, loopback, o)
	r.no(err)
	ln.OnAccept = fn
	return ln
}

// dial connects, or fails the test; the connection is made when it returns, and reads into
// nothing.
func (r *rig) dial(ln *tcp.Listener, o *tcp.Options) *tcp.Conn {
	r.Helper()
	made := false
	c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), o, func(c *tcp.Conn, err error) {
		r.no(err)
		made, c.OnRead = true, stream.Discard
	})
	r.no(err)
	r.until("the dial is done", func() bool { return made })
	return c
}

// pairOf is both ends of a connection on the rig's loop, which read into nothing and have
// no other callbacks.
func (r *rig) pairOf(listens, dials *tcp.Options) (dialed, accepted *tcp.Conn) {
	r.Helper()
	ln := r.listen(listens, func(c *tcp.Conn) { accepted, c.OnRead = c, stream.Discard })
	dialed = r.dial(ln, dials)
	r.until("a connection is accepted", func() bool { return accepted != nil })
	r.no(ln.Close())
	return dialed, accepted
}

func (r *rig) pair() (dialed, accepted *tcp.Conn) {
	r.Helper()
	return r.pairOf(nil, nil)
}

// peer is a connection whose other end is package net's, in blocking code.
func (r *rig) peer(o *tcp.Options) (c *tcp.Conn, nc *net.TCPConn) {
	r.Helper()
	ln := r.listen(o, func(a *tcp.Conn) { c, a.OnRead = a, stream.Discard })
	d, err := net.DialTimeout("tcp", ln.LocalAddr().String(), patience)
	r.no(err)
	r.Cleanup(func() { d.Close() })
	d.SetDeadline(time.Now().Add(patience))
	r.until("a connection is accepted", func() bool { return c != nil })
	r.no(ln.Close())
	return c, d.(*net.TCPConn)
}

// forgetsResets reports whether the system takes a reset for an orderly end where
// nobody was reading when it came, as Wine 8 does.
func forgetsResets() bool { return strings.HasPrefix(pollertest.Wine(), "8.") }

// no fails the test on an error.
func (r *rig) no(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// is fails the test unless err is want, in the sense of errors.Is.
func (r *rig) is(err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Fatalf("error %v, want %v", err, want)
	}
}

func (r *rig) equal(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// A pattern makes and checks the bytes of a stream: each depends on where in the
// stream it is, with a period that is no size of any buffer.
type pattern struct{ at int }

func patternAt(i int) byte { return byte(i*7 + i/251) }

func (p *pattern) next(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = patternAt(p.at + i)
	}
	p.at += n
	return b
}

// check is an error if b is not what comes next.
func (p *pattern) check(b []byte) error {
	for i, got := range b {
		if want := patternAt(p.at + i); got != want {
			return fmt.Errorf("byte %d of the stream is %#x, want %#x", p.at+i, got, want)
		}
	}
	p.at += len(b)
	return nil
}

// A counter is a poller that counts calls and otherwise is the one inside.
type counter struct {
	poller.Poller
	sends, tries, shutdowns int
}

func newCounter(t testing.TB) *counter {
	t.Helper()
	p, err := system.Open("")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend on this system yet: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &counter{Poller: p}
}

func (p *counter) reset() { p.sends, p.tries, p.shutdowns = 0, 0, 0 }

func (p *counter) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s, err := p.Poller.Dial(a, o, h)
	return &countedStream{s, p}, err
}

func (p *counter) Listen(a poller.Addr, o *poller.Options, h poller.Acceptor) (poller.Socket, error) {
	return p.Poller.Listen(a, o, countedAcceptor{h, p})
}

type countedAcceptor struct {
	poller.Acceptor
	p *counter
}

func (a countedAcceptor) Accepted(s poller.Stream) poller.StreamHandler {
	return a.Acceptor.Accepted(&countedStream{s, a.p})
}

type countedStream struct {
	poller.Stream
	p *counter
}

func (s *countedStream) Send(bufs [][]byte) bool {
	s.p.sends++
	return s.Stream.Send(bufs)
}

func (s *countedStream) TrySend(p []byte) int {
	s.p.tries++
	return s.Stream.TrySend(p)
}

func (s *countedStream) Shutdown() {
	s.p.shutdowns++
	s.Stream.Shutdown()
}

// everywhere runs a test on the system's poller and on the simulator.
func everywhere(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("system", func(t *testing.T) { test(t, newRig(t)) })
	t.Run("simulator", func(t *testing.T) { test(t, newSimRig(t)) })
}

// newSimRig is a rig on a simulated host, whose clock nothing on the machine can
// make late.
func newSimRig(t testing.TB) *rig {
	t.Helper()
	return newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
}
