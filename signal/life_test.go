package signal_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

func TestInvalid(t *testing.T) {
	lp := newLoop(t)
	for _, s := range []os.Signal{nil, syscall.Signal(-1), syscall.Signal(0), syscall.Signal(65), syscall.Signal(4096)} {
		w, err := signal.Notify(lp, never(t), s)
		equal(t, "watcher", w, nil)
		is(t, err, os.ErrInvalid)
		_, err = signal.Once(lp, never(t), os.Interrupt, s)
		is(t, err, os.ErrInvalid)
		equal(t, "the error", fmt.Sprint(err), "signal: notify: invalid argument")
	}
	_, err := signal.Notify(lp, nil, os.Interrupt)
	is(t, err, os.ErrInvalid)
	_, err = signal.Once(lp, nil)
	is(t, err, os.ErrInvalid)
	equal(t, "alive", lp.Alive(), false)
}

func TestLife(t *testing.T) {
	lp := newLoop(t)
	w, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	closed := 0
	w.OnClose = func() { closed++ }
	state := func(when string, active, closing, alive bool) {
		t.Helper()
		equal(t, when+": active", w.Active(), active)
		equal(t, when+": closing", w.Closing(), closing)
		equal(t, when+": alive", lp.Alive(), alive)
	}
	state("started", true, false, true)
	no(t, w.Start())
	state("started twice", true, false, true)
	no(t, w.Stop())
	state("stopped", false, false, false)
	no(t, w.Stop())
	no(t, w.Start())
	state("started again", true, false, true)
	no(t, w.Close())
	state("closed", false, true, true)
	equal(t, "close callbacks inside Close", closed, 0)
	misused := func(when string) {
		t.Helper()
		for name, method := range map[string]func() error{"Start": w.Start, "Stop": w.Stop, "Close": w.Close} {
			if err := method(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s %s: %v", name, when, err)
			}
		}
	}
	misused("after Close")
	run(t, lp)
	equal(t, "close callbacks", closed, 1)
	state("ended", false, true, false)
	misused("after OnClose")
	equal(t, "the error", w.Start().Error(), "signal: start: use of closed network connection")
}

func TestCloseWhileStopped(t *testing.T) {
	lp := newLoop(t)
	w, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	no(t, w.Stop())
	closed := 0
	w.OnClose = func() { closed++ }
	no(t, w.Close())
	run(t, lp)
	equal(t, "close callbacks", closed, 1)
}

func TestUnref(t *testing.T) {
	lp := newLoop(t)
	w, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	w.Unref()
	equal(t, "alive", lp.Alive(), false)
	run(t, lp)
	w.Ref()
	equal(t, "alive by Ref", lp.Alive(), true)
	w.Unref()
	no(t, w.Stop())
	no(t, w.Start())
	equal(t, "Unref outlives Stop", w.HasRef(), false)
	equal(t, "alive", lp.Alive(), false)
}

func TestClosedLoop(t *testing.T) {
	lp := newLoop(t)
	open, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	closed := 0
	open.OnClose = func() { closed++ }
	stopped, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	no(t, stopped.Stop())
	no(t, lp.Close())
	equal(t, "close callbacks", closed, 1)
	_, err = signal.Notify(lp, never(t), os.Interrupt)
	is(t, err, net.ErrClosed)
	is(t, open.Start(), net.ErrClosed)
	is(t, stopped.Start(), net.ErrClosed)
	equal(t, "active", stopped.Active(), false)
}

// Nothing of a watcher is left once it is stopped, or its loop closed, although
// nobody closed it.
func TestGoroutinesEnd(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Skip(err)
	}
	var ws []*signal.Watcher
	for range 10 {
		w, err := signal.Notify(lp, never(t), os.Interrupt)
		no(t, err)
		ws = append(ws, w)
	}
	if goleak.Find() == nil {
		t.Error("ten watchers have no goroutine: this test sees nothing")
	}
	for _, w := range ws {
		no(t, w.Stop())
	}
	no(t, goleak.Find())
	for i, w := range ws {
		no(t, w.Start())
		if i%2 == 0 {
			no(t, w.Close())
		} else {
			w.Unref()
		}
	}
	no(t, lp.Close())
	no(t, goleak.Find())
}
