//go:build !kqfake

// It uses turn of bench_test.go; figures of the model would tell nothing.

package stream_test

import (
	"fmt"
	"testing"

	"example.com/pike/tcp"
)

// Neither AsyncWrite nor Post allocates, besides the caller's closure.
func TestPostAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for _, size := range []int{0, 1, 64, 2000, 100_000} {
		r := newRig(t)
		c, peer := r.pair()
		heard, calls := 0, 0
		peer.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
		message := make([]byte, size)
		count := func(*tcp.Conn) { calls++ }
		trip := func() {
			for range 10 {
				c.AsyncWrite(message)
				c.Post(count)
			}
			for wanted, calls0 := heard+10*size, calls; heard < wanted || calls < calls0+10; {
				r.turn()
			}
		}
		for range 20 {
			trip()
		}
		if n := testing.AllocsPerRun(100, trip); n != 0 {
			t.Errorf("%d bytes: %v allocations for ten AsyncWrites and ten Posts", size, n)
		}
	}
}

// BenchmarkAsyncWrite is a message from another goroutine to a loop that runs, and its delivery; PostWrite
// is the same by Loop.Post of a closure that writes a copy.
func BenchmarkAsyncWrite(b *testing.B) {
	hands := map[string]func(r *rig, c *tcp.Conn, p []byte){
		"AsyncWrite": func(_ *rig, c *tcp.Conn, p []byte) { c.AsyncWrite(p) },
		"PostWrite": func(r *rig, c *tcp.Conn, p []byte) {
			p = append([]byte(nil), p...)
			r.lp.Post(func() { c.Write(p) })
		},
	}
	for _, size := range []int{64, 4 << 10} {
		for name, hand := range hands {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				r := newRig(b)
				c, peer := r.pair()
				heard, arrived := 0, make(chan struct{})
				peer.OnRead = func(_ *tcp.Conn, p []byte) {
					for heard += len(p); heard >= 100*size; heard -= 100 * size {
						arrived <- struct{}{}
					}
				}
				message := make([]byte, size)
				b.ReportAllocs()
				r.beside(func() error {
					for n := 1; b.Loop(); n++ {
						if hand(r, c, message); n%100 == 0 {
							<-arrived
						}
					}
					return nil
				})
			})
		}
	}
}
