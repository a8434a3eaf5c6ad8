package tlslayer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// patience bounds every wait. Nothing is expected to take so long, on however busy a machine.
const patience = 60 * time.Second

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for what other goroutines bring about.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<18)
			t.Fatalf("waited in vain until %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// A server is a loop with a listener on a goroutine that is locked to its thread, as a program has
// that gives its loop a thread of its own.
type server struct {
	lp   *loop.Loop
	ln   *tcp.Listener
	addr string
	open atomic.Int64 // connections
	ends chan error   // of connections, and of handshakes that have failed
	done chan struct{}
}

func serve(t testing.TB, o *tcp.Options, accept func(c *tcp.Conn)) *server {
	t.Helper()
	return serveOn(t, loop.Options{}, o, accept)
}

func serveOn(t testing.TB, with loop.Options, o *tcp.Options, accept func(c *tcp.Conn)) *server {
	t.Helper()
	s := &server{ends: make(chan error, 100_000), done: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		lp, err := loop.New(with)
		if err == nil {
			s.lp = lp
			s.ln, err = tcp.Listen(lp, "127.0.0.1:0", o)
		}
		if err != nil {
			ready <- err
			return
		}
		s.ln.OnError = func(err error) { s.ends <- err }
		s.ln.OnAccept = func(c *tcp.Conn) {
			s.open.Add(1)
			accept(c)
			next := c.OnClose
			c.OnClose = func(c *tcp.Conn, err error) {
				if next != nil {
					next(c, err)
				}
				s.open.Add(-1)
				s.ends <- err
			}
		}
		s.addr = s.ln.LocalAddr().String()
		ready <- nil
		if err := lp.Run(); err != nil {
			t.Error(err)
		}
		lp.Close()
	}()
	no(t, <-ready)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	s.lp.Stop()
	<-s.done
}

// end is why the next connection has ended.
func (s *server) end(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.ends:
		return err
	case <-time.After(patience):
		t.Fatal("no connection has ended")
		return nil
	}
}

func echo(c *tcp.Conn) {
	c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
}

// ownRecords says that all servers of these tests have records of our own. It is asked for when a test runs, because
// go test does not see what is asked for before, and would show an older result.
func ownRecords() bool { return os.Getenv("PIKE_TEST_OWN_RECORDS") != "" }

func serverOptions(cfg *tls.Config, o *tlslayer.Options) *tcp.Options {
	if ownRecords() {
		var with tlslayer.Options
		if o != nil {
			with = *o
		}
		with.OwnRecords = true
		o = &with
	}
	return &tcp.Options{Layer: tlslayer.Server(cfg, o)}
}

func clientOptions(cfg *tls.Config, o *tlslayer.Options) *tcp.Options {
	return &tcp.Options{Layer: tlslayer.Client(cfg, o)}
}

// eachMode has the handshakes on the loop, and beside it, and there with records of our own afterwards.
func eachMode(t *testing.T, f func(t *testing.T, o *tlslayer.Options)) {
	for name, o := range map[string]tlslayer.Options{
		"beside": {}, "on loop": {OnLoop: true}, "own records": {OwnRecords: true},
	} {
		t.Run(name, func(t *testing.T) { f(t, &o) })
	}
}

func eachVersion(t *testing.T, f func(t *testing.T, o *tlslayer.Options, version uint16)) {
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tls.VersionName(v), func(t *testing.T) { f(t, o, v) })
		}
	})
}

// newLoop is a loop of the test's own goroutine, with a pool of four workers.
func newLoop(t testing.TB) *loop.Loop {
	t.Helper()
	pool, err := workers.New(workers.Options{Size: 4})
	no(t, err)
	lp, err := loop.New(loop.Options{Executor: pool})
	no(t, err)
	t.Cleanup(func() {
		lp.Close()
		pool.Close()
	})
	return lp
}

// run runs the loop until fn, which runs beside it, has returned.
func run(t testing.TB, lp *loop.Loop, fn func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		done <- fn()
		lp.Stop()
	}()
	runUntilIdle(t, lp)
	select {
	case err := <-done:
		no(t, err)
	case <-time.After(patience):
		t.Fatal("the other side has not returned")
	}
}

// runUntilIdle runs the loop until it has nothing left, or is stopped.
func runUntilIdle(t testing.TB, lp *loop.Loop) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) // what waits beside it fails first
	defer cancel()
	no(t, lp.RunContext(ctx))
}

// dial is a client of package crypto/tls, whose handshake is over.
func dial(t testing.TB, addr string, cfg *tls.Config) *tls.Conn {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, cfg)
	no(t, err)
	no(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { c.Close() })
	return c
}

// dialPlain is a client without TLS.
func dialPlain(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	no(t, err)
	no(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// exchange sends p and reads as much.
func exchange(c net.Conn, p []byte) error {
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(p)
		sent <- err
	}()
	got := make([]byte, len(p))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != string(p) {
		return errors.New("what came back is not what was sent")
	}
	return <-sent
}
