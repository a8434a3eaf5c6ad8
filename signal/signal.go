// Package signal delivers the signals of the process to a loop.
//
//	signal.Notify(lp, func(s os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM)
//
// The package uses os/signal and Loop.Post. So each signal means what os/signal says,
// also beside other users of os/signal: it goes to every Watcher, on every loop, that asks
// for it. The system may merge signals that arrive while one of the same kind is
// pending (signal(7)).
//
// signalfd(2) would not do. It reads only signals that every thread of the process has
// blocked, and the Go runtime owns the signal masks. EVFILT_SIGNAL would not do either,
// because it does not stop the default action.
package signal

import (
	"net"
	"os"
	ossignal "os/signal"
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Watcher calls back for signals. Its methods belong to the loop's goroutine.
// While it is started it keeps the loop running, unless Unref was called.
type Watcher struct {
	loop.Base
	fn   func(os.Signal)
	sigs []os.Signal
	once bool
	stop func() // nil while stopped

	// OnClose, if set, is called once after Close.
	OnClose func()
}

// queued is how many signals of a Watcher may wait for its goroutine. os/signal drops more.
const queued = 64

// Notify calls fn from the loop for each of the signals given, until Stop or Close.
// If none is given it calls fn for all that os/signal relays. On unix that includes
// SIGURG, by which the Go runtime preempts itself. A nil fn or loop, or a signal that does
// not exist, is os.ErrInvalid.
func Notify(lp *loop.Loop, fn func(os.Signal), sigs ...os.Signal) (*Watcher, error) {
	if err := lp.Maker().Check("signal.Notify"); err != nil {
		return nil, err
	}
	return notify(lp, fn, false, sigs)
}

// Once is Notify for one signal: the Watcher is stopped before fn is called. As soon as the
// signal has come it has its default action again, unless another user of os/signal
// wants it. That does not wait for the loop, so a second Ctrl-C ends a program that is too busy
// to handle the first.
func Once(lp *loop.Loop, fn func(os.Signal), sigs ...os.Signal) (*Watcher, error) {
	if err := lp.Maker().Check("signal.Once"); err != nil {
		return nil, err
	}
	return notify(lp, fn, true, sigs)
}

func notify(lp *loop.Loop, fn func(os.Signal), once bool, sigs []os.Signal) (*Watcher, error) {
	if lp == nil || fn == nil || !valid(sigs) {
		return nil, fail("notify", os.ErrInvalid)
	}
	w := &Watcher{fn: fn, sigs: append([]os.Signal(nil), sigs...), once: once}
	lp.Maker().Own(w)
	if err := w.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// mostSignals is NSIG of Linux; no system of Go's has more.
const mostSignals = 65

func valid(sigs []os.Signal) bool {
	for _, s := range sigs {
		if n, ok := s.(syscall.Signal); s == nil || ok && (n <= 0 || n >= mostSignals) {
			return false
		}
	}
	return true
}

// Start has the watcher call back again after Stop. After Close it is net.ErrClosed.
func (w *Watcher) Start() error {
	lp := w.lp()
	if err := lp.Check("signal.Watcher.Start"); err != nil {
		return err
	}
	if w.Closing() {
		return fail("start", net.ErrClosed)
	}
	if w.stop != nil {
		return nil
	}
	if err := lp.Attach(w); err != nil {
		return fail("start", err)
	}
	lp.SetActive(w, true)
	if s, ok := lp.Poller().(poller.Signaler); ok {
		w.stop = s.Signals(w.deliver, w.sigs...)
	} else {
		w.stop = w.relay()
	}
	return nil
}

// relay starts the goroutine that takes signals from os/signal to the loop. It returns
// the function that ends it.
func (w *Watcher) relay() (stop func()) {
	ch := make(chan os.Signal, queued)
	done := make(chan struct{})
	live := true // only the loop uses it: what was posted before stop is not delivered after it
	lp := w.Loop()
	ossignal.Notify(ch, w.sigs...)
	go func() {
		for {
			select {
			case s := <-ch:
				if w.once {
					ossignal.Stop(ch)
				}
				lp.Post(func() {
					if live {
						w.deliver(s)
					}
				})
			case <-done:
				return
			}
		}
	}()
	return func() {
		live = false
		ossignal.Stop(ch)
		close(done)
	}
}

func (w *Watcher) deliver(s os.Signal) {
	if w.stop == nil {
		return
	}
	if w.once {
		w.Stop()
	}
	w.lp().Call(w, func() { w.fn(s) })
}

// Stop ends the callbacks. A signal that is already on its way is not delivered. The
// signals have their default action again, unless another user of os/signal wants them.
// Start may follow.
func (w *Watcher) Stop() error {
	lp := w.lp()
	if err := lp.Check("signal.Watcher.Stop"); err != nil {
		return err
	}
	if w.Closing() {
		return fail("stop", net.ErrClosed)
	}
	if w.end() {
		lp.Detach(w)
	}
	return nil
}

func (w *Watcher) end() bool {
	if w.stop == nil {
		return false
	}
	w.stop()
	w.stop = nil
	return true
}

// Close is Stop for good; OnClose follows.
func (w *Watcher) Close() error {
	lp := w.lp()
	if err := lp.Check("signal.Watcher.Close"); err != nil {
		return err
	}
	if !lp.BeginClose(w) {
		return fail("close", net.ErrClosed)
	}
	w.end()
	lp.EndClose(w, (*upcalls)(w))
	return nil
}

// lp is the loop as makers of handles see it.
func (w *Watcher) lp() *loop.Maker { return w.Loop().Maker() }

// upcalls keeps the loop's upcalls out of Watcher's own methods.
type upcalls Watcher

func (u *upcalls) Finished() {
	if u.OnClose == nil {
		return
	}
	u.Loop().Maker().Call((*Watcher)(u), u.OnClose)
}

func fail(op string, err error) error { return netop.HandleError("signal", op, err) }
