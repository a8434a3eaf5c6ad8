//go:build !kqfake

// The model of kqueue allocates, and makes many calls for one.

package stream_test

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// An echo, both ends on one loop, takes no memory, whatever its size and however
// it is written.
func TestEchoAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for _, size := range []int{1, 64, 2000, 20_000, 300_000} {
		for name, write := range map[string]func(c *tcp.Conn, p []byte){
			"Write":        func(c *tcp.Conn, p []byte) { c.Write(p) },
			"WriteBuffers": func(c *tcp.Conn, p []byte) { c.WriteBuffers([][]byte{p}, nil) },
		} {
			if name == "WriteBuffers" && size > 64 {
				continue // OnRead's p may not be kept: see below for those
			}
			r := newRig(t)
			client, server := r.pair()
			back := 0
			server.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			client.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
			msg := make([]byte, size)
			trip := func() {
				write(client, msg)
				for want := back + size; back < want; {
					if _, err := r.lp.RunNoWait(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 100 { // until free lists and buffers have their sizes
				trip()
			}
			if n := testing.AllocsPerRun(200, trip); n != 0 {
				t.Errorf("%s of %d bytes: %v allocations a round trip", name, size, n)
			}
		}
	}
}

// A message to many connections at once gives each of them an output until it is sent.
func TestBroadcastAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	p, err := system.Open("")
	if err != nil {
		t.Fatal(err)
	}
	// Time stands still: what is not used for a second is given back, and a slow machine takes longer.
	r := newRig(t, loop.Options{Poller: frozen{p, p.Now()}})
	all, heard := r.crowd(400)
	message := make([]byte, 64)
	tell := func() {
		for _, c := range all {
			c.Write(message)
		}
		for want := *heard + len(all)*len(message); *heard < want; {
			if _, err := r.lp.RunNoWait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		tell()
	}
	if n := testing.AllocsPerRun(20, tell); n != 0 {
		t.Errorf("%v allocations a message to %d connections", n, len(all))
	}
}

// A frozen poller has a clock that stands still.
type frozen struct {
	poller.Poller
	now poller.Time
}

func (f frozen) Now() poller.Time { return f.now }

// crowd is n connections to peers on the same loop, and how many bytes those have heard.
func (r *rig) crowd(n int) (all []*tcp.Conn, heard *int) {
	heard = new(int)
	for range n {
		c, peer := r.pair()
		peer.OnRead = func(_ *tcp.Conn, p []byte) { *heard += len(p) }
		all = append(all, c)
	}
	return all, heard
}

// So that whoever makes a connection larger knows it: a million of them are idle
// most of the time.
func TestSizeOfConn(t *testing.T) {
	const want = 112
	if size := unsafe.Sizeof(tcp.Conn{}); unsafe.Sizeof(uintptr(0)) == 8 && size != want {
		t.Errorf("a tcp.Conn is %d bytes, was %d", size, want)
	}
}

// So that each begins with a line of the cache: in a size class of the Go heap, and that
// a power of two.
func TestSizeOfOutput(t *testing.T) {
	if size := stream.SizeOfOutput; unsafe.Sizeof(uintptr(0)) == 8 && size != 2<<10 {
		t.Errorf("an output is %d bytes, want 2048", size)
	}
}

// What an idle connection takes of the heap, its poller's part and its slot
// included, both ends being in this process; and what timeouts add, of which only
// the accepted end has some.
func TestMemoryOfAnIdleConn(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for _, c := range []struct {
		o    *tcp.Options
		most int
	}{
		{nil, 2 * idleConnBytes},
		{&tcp.Options{Watermarks: &stream.Watermarks{High: 1}, QueueLimit: &stream.QueueLimit{Bytes: 1}}, 2 * idleConnBytes},
		{&tcp.Options{IdleTimeout: time.Minute, WriteTimeout: time.Minute}, 2*idleConnBytes + 220},
	} {
		c.most += 2 * 64 * testLayerCount
		r := newRig(t)
		const pairs = 500
		conns := make([]*tcp.Conn, 0, 2*pairs)
		ln := r.listen(c.o, func(c *tcp.Conn) { conns = append(conns, c) })
		live := func() int {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before := live()
		for range pairs {
			r.dial(ln, nil)
		}
		r.until("all are accepted", func() bool { return len(conns) == pairs })
		each := (live() - before) / pairs
		t.Logf("%d bytes a pair", each)
		if each > c.most {
			t.Errorf("%d bytes of heap a pair of idle connections, at most %d", each, c.most)
		}
		runtime.KeepAlive(conns)
	}
}
