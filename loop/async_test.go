package loop_test

import (
	"net"
	"sync/atomic"
	"testing"

	"example.com/pike/loop"
)

func TestAsyncMergesCalls(t *testing.T) {
	lp, _ := newFake(t)
	calls := 0
	a, err := lp.NewAsync(func() { calls++ })
	no(t, err)
	equal(t, "active", a.Active(), true)
	for range 10 {
		no(t, a.Send())
	}
	turn(t, lp)
	equal(t, "calls", calls, 1)
	turn(t, lp)
	equal(t, "calls", calls, 1)
	no(t, a.Send())
	turn(t, lp)
	equal(t, "calls", calls, 2)
}

// A Send while the callback runs may be about something it has not seen.
func TestAsyncSendInsideTheCallback(t *testing.T) {
	lp, _ := newFake(t)
	calls := 0
	var a *loop.Async
	a, err := lp.NewAsync(func() {
		if calls++; calls == 1 {
			no(t, a.Send())
			no(t, a.Send())
		} else {
			no(t, a.Close())
		}
	})
	no(t, err)
	no(t, a.Send())
	run(t, lp)
	equal(t, "calls", calls, 2)
}

func TestAsyncClose(t *testing.T) {
	lp, _ := newFake(t)
	closes := 0
	a, err := lp.NewAsync(func() { t.Error("a call after Close") })
	no(t, err)
	a.OnClose = func() { closes++ }
	no(t, a.Send())
	no(t, a.Close())
	is(t, a.Send(), net.ErrClosed)
	is(t, a.Close(), net.ErrClosed)
	run(t, lp)
	equal(t, "close callbacks", closes, 1)
	is(t, a.Send(), net.ErrClosed)
}

func TestAsyncUnref(t *testing.T) {
	lp, _ := newFake(t)
	calls := 0
	a, err := lp.NewAsync(func() { calls++ })
	no(t, err)
	equal(t, "alive", lp.Alive(), true)
	a.Unref()
	equal(t, "alive, unreferenced", lp.Alive(), false)
	no(t, a.Send())
	equal(t, "alive with a call to make", lp.Alive(), true)
	run(t, lp)
	equal(t, "calls", calls, 1)
}

// Whatever was done before a Send, a call that follows has seen it.
func TestAsyncSeesWhatWasSentFor(t *testing.T) {
	const senders, each = 4, 2000
	lp := newLoop(t, loop.Options{})
	var done atomic.Int32
	var a *loop.Async
	a, err := lp.NewAsync(func() {
		if done.Load() == senders*each {
			no(t, a.Close())
		}
	})
	no(t, err)
	for range senders {
		go func() {
			for range each {
				done.Add(1)
				a.Send()
			}
		}()
	}
	run(t, lp)
}
