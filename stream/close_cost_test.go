//go:build !race && !pikedebug && !kqfake

package stream_test

import (
	"runtime"
	"testing"

	"example.com/pike/tcp"
)

// To close a connection that has nothing queued makes no error to say what was lost.
func TestClosingMakesNoError(t *testing.T) {
	const conns = 200
	r := newRig(t)
	var all []*tcp.Conn
	accepted := 0
	ln := r.listen(nil, func(*tcp.Conn) { accepted++ })
	for range conns {
		all = append(all, r.dial(ln, nil))
	}
	r.until("all are accepted", func() bool { return accepted == conns })
	closed := 0
	for _, c := range all {
		c.OnClose = func(*tcp.Conn, error) { closed++ }
	}
	runtime.GC() // not in between, where it would count for its own memory
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range all {
		r.no(c.Close())
	}
	r.until("all are closed", func() bool { return closed == conns })
	runtime.ReadMemStats(&after)
	n := float64(after.Mallocs-before.Mallocs) / conns
	t.Logf("%.2f allocations a close", n)
	if n >= 1 {
		t.Errorf("%.1f allocations for each connection that was closed", n)
	}
}
