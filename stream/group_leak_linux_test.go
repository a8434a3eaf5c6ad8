package stream_test

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// TestGroupLeavesNothing makes 20 groups in a row: half of them run and are shut down with connections open, on
// both sides of which there is something left to do, and half are closed before they run.
func TestGroupLeavesNothing(t *testing.T) {
	for name, o := range spreads(t) {
		t.Run(name, func(t *testing.T) {
			use := func(run bool) {
				r := newGroupRig(t, &o)
				if !run {
					if err := r.g.Close(); err != nil {
						t.Fatal(err)
					}
					return
				}
				r.run()
				var peers []net.Conn
				for range 2 * groupLoops {
					peers = append(peers, r.dial())
				}
				r.stop()
				for _, c := range peers {
					c.Close()
				}
			}
			use(true) // what the runtime opens once and keeps
			before, goroutines := len(descriptors(t)), settled()
			for i := range 20 {
				use(i%2 == 0)
			}
			// Goroutines of package net and of the test end a moment after what they were for.
			for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
				open, n := descriptors(t), runtime.NumGoroutine()
				if len(open) <= before && n <= goroutines {
					return
				}
				if time.Now().After(end) {
					buf := make([]byte, 1<<16)
					t.Fatalf("%d descriptors, where %d were, and %d goroutines, where %d were: %v\n%s",
						len(open), before, n, goroutines, open, buf[:runtime.Stack(buf, true)])
				}
			}
		})
	}
}
