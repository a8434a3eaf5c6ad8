package tlslayer_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/stream/tlslayer"
)

// halfOpen is a connection with the client's first flight sent, and the first byte of the server's read.
func halfOpen(t *testing.T, addr string, client *tls.Config) net.Conn {
	t.Helper()
	var hello bytes.Buffer
	tls.Client(&recorder{&hello}, client).Handshake()
	c := dialPlain(t, addr)
	_, err := c.Write(hello.Bytes())
	no(t, err)
	_, err = io.ReadFull(c, make([]byte, 1))
	no(t, err)
	return c
}

// TestHalfOpen churns handshakes that go no further than the first flight, with a pool of two workers: all of them
// are answered, and whole ones get through, as one that waits holds no worker. Nothing is left of them, whether the
// peer goes or the loop closes.
func TestHalfOpen(t *testing.T) {
	const n = 200
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		server, client := configs(t)
		pool, err := workers.New(workers.Options{Size: 2})
		no(t, err)
		defer pool.Close()
		leaveNothing(t, func() {
			s := serveOn(t, loop.Options{Executor: pool}, serverOptions(server, o), echo)
			for range 3 {
				var open []net.Conn
				for range n {
					open = append(open, halfOpen(t, s.addr, client))
				}
				wholeBeside(t, s, client, open)
			}
			for range n { // these are open when the loop closes
				halfOpen(t, s.addr, client)
			}
			s.stop()
		})
	})
}

// wholeBeside gets a whole handshake through beside those that are open, and then has their peers go.
func wholeBeside(t *testing.T, s *server, client *tls.Config, open []net.Conn) {
	t.Helper()
	nc := dial(t, s.addr, client)
	no(t, exchange(nc, []byte("x")))
	nc.Close()
	no(t, s.end(t))
	for _, c := range open {
		c.Close()
	}
	for range open {
		if s.end(t) == nil {
			t.Fatal("no error")
		}
	}
}

// Two thousand clients send a ClientHello and no more, to a pool of eight workers. All get the server's flight, because
// a handshake that waits holds no worker. Each costs a bounded piece of memory, a whole handshake gets through beside
// them, and nothing is left of them.
func TestTwoThousandHalfOpen(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("TestHalfOpen has fewer of them")
	}
	const n, most = 2000, 64 << 10 // bytes of heap and stack for both ends, which this process has
	server, client := configs(t)
	pool, err := workers.New(workers.Options{Size: 8})
	no(t, err)
	defer pool.Close()
	leaveNothing(t, func() {
		with := serverOptions(server, &tlslayer.Options{})
		with.LayerTimeout = time.Hour
		s := serveOn(t, loop.Options{Executor: pool}, with, echo)
		before := inUse()
		open := make([]net.Conn, n)
		for i := range open {
			open[i] = halfOpen(t, s.addr, client) // it has read a byte of the answer
		}
		if each := (inUse() - before) / n; each > most {
			t.Errorf("%d bytes for each handshake that is half open, want at most %d", each, most)
		}
		wholeBeside(t, s, client, open)
		s.stop()
	})
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// Clients that send a byte now and then, and never a whole ClientHello, are cut off by LayerTimeout.
func TestSlowHandshakesAreCut(t *testing.T) {
	server, _ := configs(t)
	with := serverOptions(server, &tlslayer.Options{})
	with.LayerTimeout = 200 * time.Millisecond
	s := serve(t, with, echo)
	const n = 20
	for range n {
		c := dialPlain(t, s.addr)
		go func() {
			for _, b := range append([]byte{22, 3, 1, 1, 0}, make([]byte, 256)...) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	for range n {
		if err := s.end(t); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a slow handshake ended with %v", err)
		}
	}
}
