package stream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// TestBroadcast sends to all connections of all loops, but those that are left out.
func TestBroadcast(t *testing.T) {
	for _, size := range []int{5, 100_000} {
		const conns = 12
		r := newGroupRig(t, &tcp.Options{Spread: tcp.SpreadEvenly})
		r.run()
		var peers []net.Conn
		for range conns {
			peers = append(peers, r.dial())
		}
		p := bytes.Repeat([]byte("0123456789"), size)[:size]
		done := make(chan int, 2)
		var asked atomic.Int32
		to := func(c *stream.Conn) bool {
			_, i := c.Loop().Group()
			asked.Add(1)
			return i != 1 && c.Loop().Maker().Check("stream.Broadcast") == nil
		}
		if err := stream.Broadcast(r.g, p, to, func(sent int) { done <- sent }); err != nil {
			t.Fatal(err)
		}
		r.until("each loop has come to it", func() bool { return asked.Load() == conns })
		heard := 0
		for _, c := range peers {
			c.SetDeadline(time.Now().Add(patience))
			c.Write([]byte("x")) // which is echoed behind it
			got := make([]byte, 1)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatal(err)
			}
			if got[0] == 'x' {
				continue
			}
			rest := make([]byte, size)
			if _, err := io.ReadFull(c, rest); err != nil {
				t.Fatal(err)
			}
			if got := append(got, rest...); !bytes.Equal(got[:size], p) || got[size] != 'x' {
				t.Fatalf("%q has come", got[:min(len(got), 40)])
			}
			heard++
		}
		if n := within(t, done); n != heard || n != conns*2/groupLoops || asked.Load() != conns {
			t.Errorf("sent to %d, heard by %d of %d, %d were asked", n, heard, conns, asked.Load())
		}
		r.stop()
		if len(done) != 0 {
			t.Error("done was called twice")
		}
		if err := stream.Broadcast(r.g, p, nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("when the group has ended: %v", err)
		}
	}
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"no group": stream.Broadcast(nil, []byte("x"), nil, nil), "no bytes": stream.Broadcast(g, nil, nil, nil),
	} {
		if !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	told := -1
	if err := stream.Broadcast(g, []byte("to nobody"), nil, func(sent int) { told = sent }); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(context.Background(), nil); err != nil || told != 0 {
		t.Errorf("without connections it was sent to %d: %v", told, err)
	}
}

// within receives from c, or fails the test.
func within[T any](t *testing.T, c chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("nothing has come for %v", patience)
	}
	return v
}

// TestBroadcastIsShared queues a MiB on many connections whose peers do not read, in the memory of one; and it is free
// when they have ended.
func TestBroadcastIsShared(t *testing.T) {
	if testLayerCount > 0 || checked {
		t.Skip("layers and checks allocate")
	}
	const conns, size = 30, 1 << 20
	r := newGroupRig(t, &tcp.Options{Spread: tcp.SpreadEvenly, WriteBuffer: 32 << 10})
	r.run()
	for range conns {
		r.dial().(*net.TCPConn).SetReadBuffer(32 << 10)
	}
	p := make([]byte, size)
	done := make(chan int, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := stream.Broadcast(r.g, p, nil, func(sent int) { done <- sent }); err != nil {
		t.Fatal(err)
	}
	queued := make(chan int, groupLoops)
	r.g.Each(func(lp *loop.Loop) { // behind the broadcast
		n := 0
		lp.Walk(func(h loop.Handle) {
			if c, ok := h.(*tcp.Conn); ok {
				n += c.Buffered()
			}
		})
		queued <- n
	})
	all := 0
	for range groupLoops {
		all += within(t, queued)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; all < conns*size/4 || grown > uint64(all)/4 {
		t.Errorf("%d bytes are queued, for which %d bytes were allocated", all, grown)
	}
	if len(done) != 0 {
		t.Fatal("done was told while it is queued")
	}
	r.g.Each(func(lp *loop.Loop) {
		lp.Walk(func(h loop.Handle) {
			if c, ok := h.(*tcp.Conn); ok {
				c.Abort()
			}
		})
	})
	if n := within(t, done); n != 0 {
		t.Errorf("%d have sent it, whose peers read nothing", n)
	}
}
