package loop

import (
	"net"
	"sync/atomic"
)

// An Async calls back on the loop when another goroutine asks: like Post, but
// it keeps the loop running while it is open, and calls that find one pending
// are one call.
type Async struct {
	Base
	fn      func()
	run     func()
	pending atomic.Bool
	gone    atomic.Bool

	// OnClose, if set, is called once after Close.
	OnClose func()
}

// NewAsync returns an Async that calls fn.
func (l *Loop) NewAsync(fn func()) (*Async, error) {
	const op = "loop: async"
	if err := l.checkCaller("loop.Loop.NewAsync"); err != nil {
		return nil, err
	}
	if fn == nil {
		return nil, invalid(op)
	}
	a := &Async{fn: fn}
	a.run = a.deliver
	if err := l.Maker().Attach(a); err != nil {
		return nil, &misuse{op, err}
	}
	a.setActive(true)
	return a, nil
}

// Send has the callback made once, at least, after this call began. Any
// goroutine may call it. It returns net.ErrClosed after Close.
func (a *Async) Send() error {
	if a.gone.Load() {
		return errClosedHandle
	}
	if a.pending.Swap(true) {
		return nil
	}
	return a.Loop().Post(a.run)
}

func (a *Async) deliver() {
	a.pending.Store(false) // before fn: a Send during fn is a call of its own
	if a.Closing() {
		return
	}
	a.Loop().Maker().Call(a, a.fn)
}

// Close ends it; a callback still pending is not made.
func (a *Async) Close() error {
	if err := a.Loop().checkCaller("loop.Async.Close"); err != nil {
		return err
	}
	if !a.Loop().Maker().BeginClose(a) {
		return errClosedHandle
	}
	a.gone.Store(true)
	a.Loop().Maker().EndClose(a, (*asyncEnd)(a))
	return nil
}

// asyncEnd keeps the upcall out of Async's own methods.
type asyncEnd Async

func (a *asyncEnd) Finished() {
	if a.OnClose != nil {
		a.Loop().Maker().Call((*Async)(a), a.OnClose)
	}
}

// errClosedHandle is what a closed handle answers.
var errClosedHandle error = &misuse{"loop: handle", net.ErrClosed}
