package netconn_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/stream/netconn"
	"example.com/pike/tcp"
)

func TestMain(m *testing.M) {
	if load := os.Getenv("PIKE_NETCONN_LOAD"); load != "" { // the other process of a benchmark
		if err := generate(load); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// much is more than the system takes from one whose peer does not read.
var much = make([]byte, 64<<20)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// patience bounds every wait. Nothing is expected to take so long, on however busy a machine.
const patience = 60 * time.Second

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", what, err, want)
	}
}

// within waits for what a goroutine says.
func within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case v := <-ch:
		return v
	case <-late.C:
		t.Fatalf("%s: nothing after %v", what, patience)
		panic("not reached")
	}
}

// together waits for goroutines.
func together(t testing.TB, what string, all *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	within(t, what, done)
}

// until asks again and again.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

// A rig is a loop that runs on a goroutine of its own.
type rig struct {
	t    testing.TB
	lp   *loop.Loop
	over chan error
}

// newRig returns a rig that the end of the test stops and closes.
func newRig(t testing.TB) *rig {
	t.Helper()
	lp, err := loop.New(loop.Options{})
	no(t, err)
	return runRig(t, lp)
}

func runRig(t testing.TB, lp *loop.Loop) *rig {
	r := &rig{t: t, lp: lp}
	_, err := lp.NewAsync(func() {}) // which keeps it running
	no(t, err)
	r.run()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) run() {
	r.over = make(chan error, 1)
	go func() { r.over <- r.lp.Run() }()
}

// pause waits until the loop does not run.
func (r *rig) pause() {
	if r.over != nil {
		r.lp.Stop()
		no(r.t, within(r.t, "the end of Run", r.over))
		r.over = nil
	}
}

// stop closes the loop.
func (r *rig) stop() {
	r.pause()
	if err := r.lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Error(err)
	}
}

// do runs fn on the loop.
func (r *rig) do(fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	no(r.t, r.lp.Post(func() { defer close(done); fn() }))
	within(r.t, "a posted function", done)
}

// try is do, and fails the test if fn does.
func (r *rig) try(fn func() error) {
	r.t.Helper()
	var err error
	r.do(func() { err = fn() })
	no(r.t, err)
}

// listen opens a listener that goroutines accept from.
func (r *rig) listen(before ...func(*stream.Listener)) (nl *netconn.Listener) {
	r.t.Helper()
	r.try(func() error {
		ln, err := tcp.Listen(r.lp, "127.0.0.1:0", nil)
		if err != nil {
			return err
		}
		for _, fn := range before {
			fn(ln)
		}
		nl = netconn.Listen(ln)
		return nil
	})
	return nl
}

// dial connects to addr, and wraps.
func (r *rig) dial(addr string) (nc *netconn.Conn, c *stream.Conn) {
	r.t.Helper()
	done := make(chan error, 1)
	r.try(func() error {
		_, err := tcp.Dial(r.lp, addr, nil, func(dialed *tcp.Conn, err error) {
			if err == nil {
				c, nc = dialed, netconn.Wrap(dialed)
			}
			done <- err
		})
		return err
	})
	no(r.t, within(r.t, "a dial", done))
	return nc, c
}

// A pair is a connection of which one end is wrapped and the other package net's.
type pair struct {
	nc   *netconn.Conn
	c    *stream.Conn // below nc
	peer *net.TCPConn
}

func (r *rig) pair() pair {
	r.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	no(r.t, err)
	defer ln.Close()
	nc, c := r.dial(ln.Addr().String())
	peer, err := ln.Accept()
	no(r.t, err)
	r.t.Cleanup(func() { nc.Close(); peer.Close() })
	return pair{nc, c, peer.(*net.TCPConn)}
}

// readAll reads to the end in a goroutine.
func readAll(rd io.Reader) <-chan []byte {
	ch := make(chan []byte, 1)
	go func() {
		p, err := io.ReadAll(bufio.NewReader(rd))
		if err != nil {
			p = []byte(err.Error())
		}
		ch <- p
	}()
	return ch
}
