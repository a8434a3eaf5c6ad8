//go:build !kqfake

// The model of kqueue allocates.

package stream_test

import (
	"runtime"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// layerBytes is what a layer that changes nothing may take of a connection's memory.
const layerBytes = 64

// live is what is in use of the heap.
func live() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// bytesAPair is what an idle connection with these options takes, both ends being in this process.
func bytesAPair(t *testing.T, o *tcp.Options) int {
	r := newRig(t)
	const pairs = 500
	conns := make([]*tcp.Conn, 0, pairs)
	ln := r.listen(o, func(c *tcp.Conn) { conns = append(conns, c) })
	before := live()
	for range pairs {
		r.dial(ln, o)
	}
	r.until("all are accepted", func() bool { return len(conns) == pairs })
	each := (live() - before) / pairs
	runtime.KeepAlive(conns)
	return each
}

// A layer that is ready leaves nothing of its handshake behind.
func TestMemoryOfALayer(t *testing.T) {
	if checked || layerName != "" {
		t.Skip("the checks of race and debug builds allocate; with PIKE_TEST_LAYER there is no connection without a layer")
	}
	bytesAPair(t, nil) // what is made once
	plain := bytesAPair(t, nil)
	for n, l := range []poller.Layer{layer.Identity{}, layer.Stack{layer.Identity{}, layer.Identity{}}} {
		got := bytesAPair(t, &tcp.Options{Layer: l})
		t.Logf("%d layers: %d bytes a pair, and %d without", n+1, got, plain)
		if most := plain + (n+1)*2*layerBytes; got > most {
			t.Errorf("%d layers: %d bytes a pair, at most %d", n+1, got, most)
		}
	}
}

// An echo through a layer takes no memory, and neither does one through two, or through one that
// has shaken hands.
func TestEchoThroughALayerAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for name, l := range map[string]poller.Layer{
		"identity": layer.Identity{}, "two": layer.Stack{layer.Identity{}, layer.Identity{}}, "handshake": hello,
	} {
		for _, size := range []int{1, 64, 20_000} {
			r := newRig(t)
			o := &tcp.Options{Layer: l}
			client, server := r.pairOf(o, o)
			back := 0
			server.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			client.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
			msg := make([]byte, size)
			trip := func() {
				client.Write(msg)
				for want := back + size; back < want; {
					if _, err := r.lp.RunNoWait(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 100 {
				trip()
			}
			if n := testing.AllocsPerRun(200, trip); n != 0 {
				t.Errorf("%s, %d bytes: %v allocations a round trip", name, size, n)
			}
		}
	}
}
