//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
)

// TestNothingIsRetained holds that the poller lets go of what it was given to
// send: a server with large buffers would keep the last one of each kind of Send
// alive.
func TestNothingIsRetained(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		s := bind(t, p, local, nil)
		to := s.Addr().AddrPort
		answers := 0
		a.sent = func(error) { answers++ }
		s.sent = func(int, error) { answers++ }
		var made, freed atomic.Int64
		buffer := func(n int) []byte {
			p := make([]byte, n)
			made.Add(1)
			runtime.AddCleanup(&p[0], func(int) { freed.Add(1) }, 0)
			return p
		}
		answered := func(done bool) {
			if n := answers; !done {
				until(t, p, "a Send is answered", func() bool { return answers > n })
			}
		}
		answered(a.Send([][]byte{buffer(1000)}))
		answered(a.Send([][]byte{buffer(1000), nil, buffer(1000)}))
		answered(a.Send([][]byte{buffer(8 << 20)}))
		answered(a.Send([][]byte{buffer(8 << 20), buffer(2000), buffer(1 << 20)}))
		a.TrySend(buffer(1000))
		answered(s.Send([]poller.Message{{Data: buffer(1000), Peer: to}, {Data: buffer(1000), Peer: to}}))
		answered(s.Send([]poller.Message{{Data: buffer(1000), Peer: to}, {Data: buffer(100_000), Peer: to}}))
		for deadline := time.Now().Add(5 * time.Second); freed.Load() < made.Load(); {
			if time.Now().After(deadline) {
				t.Fatalf("%d buffers of %d are kept alive", made.Load()-freed.Load(), made.Load())
			}
			runtime.GC()
			p.Poll(0)
		}
		runtime.KeepAlive([]any{a, b, s})
	})
}
