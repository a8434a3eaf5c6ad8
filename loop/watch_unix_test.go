//go:build unix

package loop_test

import (
	"net"
	"os"
	"testing"

	"example.com/pike/loop"
)

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	no(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestWatchReadable(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	r, w := pipe(t)
	_, err := w.WriteString("abc")
	no(t, err)
	got, closes := "", 0
	watch, err := lp.Watch(r.Fd(), loop.Readable, func(watch *loop.Watch, ev loop.Events) {
		if ev&loop.Readable == 0 {
			t.Errorf("events %v", ev)
		}
		var p [1]byte // level-triggered: what is left is reported again
		_, err := r.Read(p[:])
		no(t, err)
		if got += string(p[:]); got == "abc" {
			no(t, watch.Close())
		}
	})
	no(t, err)
	watch.OnClose = func(x *loop.Watch) {
		equal(t, "closed", x, watch)
		closes++
	}
	equal(t, "active", watch.Active(), true)
	run(t, lp)
	equal(t, "read", got, "abc")
	equal(t, "close callbacks", closes, 1)
	is(t, watch.Set(loop.Readable), net.ErrClosed)
	is(t, watch.Close(), net.ErrClosed)
	_, err = r.Stat() // the descriptor is still the caller's
	no(t, err)
}

func TestWatchPause(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	r, w := pipe(t)
	_, err := w.WriteString("a")
	no(t, err)
	calls := 0
	watch, err := lp.Watch(r.Fd(), loop.Readable, func(watch *loop.Watch, ev loop.Events) {
		calls++
		no(t, watch.Set(0))
	})
	no(t, err)
	run(t, lp) // ends: a paused watch is not active
	equal(t, "calls", calls, 1)
	equal(t, "active", watch.Active(), false)
	turn(t, lp)
	equal(t, "calls, paused", calls, 1)
	no(t, watch.Set(loop.Readable))
	equal(t, "active", watch.Active(), true)
	run(t, lp)
	equal(t, "calls, watching again", calls, 2)
}

func TestWatchWritable(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	_, w := pipe(t)
	calls := 0
	_, err := lp.Watch(w.Fd(), loop.Writable, func(watch *loop.Watch, ev loop.Events) {
		calls++
		if ev&loop.Writable == 0 {
			t.Errorf("events %v", ev)
		}
		no(t, watch.Close())
	})
	no(t, err)
	run(t, lp)
	equal(t, "calls", calls, 1)
}

// A watch that is closed after its event was taken from the system, and before
// its turn came.
func TestWatchClosedWithinItsBatch(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	var watches []*loop.Watch
	calls, closes := 0, 0
	for range 8 {
		r, w := pipe(t)
		_, err := w.WriteString("a")
		no(t, err)
		watch, err := lp.Watch(r.Fd(), loop.Readable, func(*loop.Watch, loop.Events) {
			calls++
			for _, w := range watches {
				no(t, w.Close())
			}
		})
		no(t, err)
		watch.OnClose = func(*loop.Watch) { closes++ }
		watches = append(watches, watch)
	}
	run(t, lp)
	equal(t, "calls", calls, 1)
	equal(t, "close callbacks", closes, len(watches))
}

func TestWatchHangup(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	r, w := pipe(t)
	calls := 0
	_, err := lp.Watch(r.Fd(), loop.Readable, func(watch *loop.Watch, ev loop.Events) {
		calls++
		if ev&(loop.Hangup|loop.Readable) == 0 {
			t.Errorf("events %v", ev)
		}
		no(t, watch.Close())
	})
	no(t, err)
	no(t, w.Close())
	run(t, lp)
	equal(t, "calls", calls, 1)
}

// Another loop waits for this one as for any descriptor.
func TestEmbedding(t *testing.T) {
	const posts = 1000
	outer, inner := newLoop(t, loop.Options{}), newLoop(t, loop.Options{})
	fd, ok := inner.Fd()
	if !ok {
		t.Skip("this poller has no descriptor")
	}
	keep, err := inner.NewAsync(func() {})
	no(t, err)
	equal(t, "timeout", inner.Timeout(), -1)
	calls := 0
	go func() {
		for range posts {
			inner.Post(func() {
				if calls++; calls == posts {
					no(t, keep.Close())
				}
			})
		}
	}()
	_, err = outer.Watch(fd, loop.Readable, func(w *loop.Watch, _ loop.Events) {
		if !turn(t, inner) {
			no(t, w.Close())
		}
	})
	no(t, err)
	run(t, outer)
	equal(t, "calls", calls, posts)
}

// watches makes what only some systems have, for tests of all there is.
func watches(t *testing.T, lp *loop.Loop) []any {
	r, _ := pipe(t)
	w, err := lp.Watch(r.Fd(), loop.Readable, func(*loop.Watch, loop.Events) {})
	no(t, err)
	return []any{w}
}

// watchCallbacks are those of watched descriptors.
var watchCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"loop.Loop.Watch": func(t *testing.T, lp *loop.Loop, boom boom) {
		_, w := pipe(t)
		_, err := lp.Watch(w.Fd(), loop.Writable, func(watch *loop.Watch, _ loop.Events) { boom(watch) })
		no(t, err)
	},
	"loop.Watch.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		r, _ := pipe(t)
		watch, err := lp.Watch(r.Fd(), loop.Readable, func(*loop.Watch, loop.Events) {})
		no(t, err)
		watch.OnClose = func(watch *loop.Watch) { boom(watch) }
		no(t, watch.Close())
	},
}
