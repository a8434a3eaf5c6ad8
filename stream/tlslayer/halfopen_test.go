package tlslayer_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/stream/tlslayer"
)

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
		nc := dial(t, s.addr, client)
		no(t, exchange(nc, []byte("x")))
		nc.Close()
		no(t, s.end(t))
		for _, c := range open {
			c.Close()
		}
		for range n {
			if s.end(t) == nil {
				t.Fatal("no error")
			}
		}
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
