package loop

import (
	"net"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"example.com/pike/poller"
)

// A Handle is an object on a loop that can call back. The packages of pike
// make them; each embeds a Base.
type Handle interface {
	// Close stops the handle and ends it. Its close callback comes later, from
	// the loop. Closing again returns net.ErrClosed.
	Close() error

	Loop() *Loop
	Active() bool
	Closing() bool
	Ref()
	Unref()
	HasRef() bool

	base() *Base
}

// Base is what every handle embeds: its place on the loop, and whether it keeps
// the loop running.
type Base struct {
	lp    atomic.Pointer[Loop] // which Move changes, and any goroutine may ask
	index uint32               // in lp.handles, plus one; 0 is not there
	flags baseFlags

	posts postState // under the mutex of the mailbox
}

type baseFlags uint8

const (
	isActive baseFlags = 1 << iota
	unrefd
	closing
	finishing // the close callback is queued or made
	awaited   // by a Shutdown
)

func (b *Base) base() *Base { return b }

// Loop is the loop that the handle is on.
func (b *Base) Loop() *Loop { return b.lp.Load() }

// Active reports whether the handle can call back: a timer that is armed, a
// socket that is open.
func (b *Base) Active() bool { return b.flags&isActive != 0 }

// Closing reports whether Close was called.
func (b *Base) Closing() bool { return b.flags&closing != 0 }

// HasRef reports whether the handle, while it is active, keeps Run going. It
// does from the start.
func (b *Base) HasRef() bool { return b.flags&unrefd == 0 }

// Ref undoes Unref. There is no count: calling it twice is calling it once.
func (b *Base) Ref() {
	if b.Loop().checkCaller("loop.Base.Ref") != nil {
		return
	}
	if b.HasRef() {
		return
	}
	b.flags &^= unrefd
	if b.Active() {
		b.Loop().active++
	}
}

// Unref lets Run end although the handle is active. Operations in flight and a
// pending close still keep it going.
func (b *Base) Unref() {
	if b.Loop().checkCaller("loop.Base.Unref") != nil {
		return
	}
	if !b.HasRef() {
		return
	}
	b.flags |= unrefd
	if b.Active() {
		b.Loop().active--
	}
}

func (b *Base) setActive(on bool) {
	if on == b.Active() {
		return
	}
	b.flags ^= isActive
	if !b.HasRef() {
		return
	}
	if on {
		b.Loop().active++
	} else {
		b.Loop().active--
	}
}

// A Finisher is told when the close callback is due.
type Finisher interface{ Finished() }

// A Flusher has work to do before the loop polls, or after.
type Flusher = poller.Flusher

type closer struct {
	handle Handle
	fn     Finisher
}

// The methods below are for packages that make handles.

// Own makes l the loop of a new handle without putting it there: for handles
// that are attached only while they are active, so that the loop keeps no
// forgotten ones in memory.
func (m *Maker) Own(h Handle) {
	l := m.l()
	l.checkCaller("loop.Maker.Own")
	h.base().lp.Store(l)
}

// Attach puts a handle on the loop. It returns net.ErrClosed after Close, and
// changes nothing for a handle that is attached.
func (m *Maker) Attach(h Handle) error {
	l := m.l()
	if err := l.checkCaller("loop.Maker.Attach"); err != nil {
		return err
	}
	b := h.base()
	if l.closed {
		return net.ErrClosed
	}
	if b.index == 0 {
		b.lp.Store(l)
		l.handles.add(h, b)
		if l.shutdown != nil {
			l.shutdown.attached(h, b)
		}
	}
	return nil
}

// Detach takes a handle off the loop, so that nothing of the loop refers to it.
func (m *Maker) Detach(h Handle) {
	l := m.l()
	if l.checkCaller("loop.Maker.Detach") != nil {
		return
	}
	b := h.base()
	b.setActive(false)
	if b.index == 0 {
		return
	}
	l.handles.remove(b)
	if l.shutdown != nil {
		l.shutdown.detached(b)
	}
}

// SetActive says whether an attached handle can call back now.
func (m *Maker) SetActive(h Handle, on bool) {
	l := m.l()
	if l.checkCaller("loop.Maker.SetActive") != nil {
		return
	}
	h.base().setActive(on)
}

// BeginClose marks a handle as closing. It is no longer active, but holds the
// loop until its close callback. It reports false if that was done before, or
// if the loop is closed, which has no callbacks any more.
func (m *Maker) BeginClose(h Handle) bool {
	l := m.l()
	if l.checkCaller("loop.Maker.BeginClose") != nil {
		return false
	}
	b := h.base()
	if b.Closing() || l.closed {
		return false
	}
	b.setActive(false)
	b.flags |= closing
	l.mail.bar(b)
	l.closing++
	return true
}

// EndClose queues the close callback of a handle that is closing, when nothing
// of it is with the system any more.
func (m *Maker) EndClose(h Handle, fn Finisher) {
	l := m.l()
	if l.checkCaller("loop.Maker.EndClose") != nil {
		return
	}
	b := h.base()
	if b.flags&finishing == 0 {
		b.flags |= finishing
		l.finishes.add(closer{h, fn})
	}
}

// Hold keeps the loop running, for an operation in flight, until Release.
func (m *Maker) Hold() {
	l := m.l()
	if l.checkCaller("loop.Maker.Hold") != nil {
		return
	}
	l.requests++
}

// Release undoes one Hold.
func (m *Maker) Release() {
	l := m.l()
	if l.checkCaller("loop.Maker.Release") != nil {
		return
	}
	l.requests--
}

// Defer has f flushed before the loop polls next, or after the poll that is
// under way: first in, first out.
func (m *Maker) Defer(f Flusher) {
	l := m.l()
	if l.checkCaller("loop.Maker.Defer") != nil {
		return
	}
	l.deferred.add(f)
}

// EachTurn has f flushed in every turn before the loop waits, also by whoever waits on its
// descriptor, until it is called with false: for what can only be looked at. What f does
// must not need a flush itself.
func (m *Maker) EachTurn(f Flusher, on bool) {
	l := m.l()
	if l.checkCaller("loop.Maker.EachTurn") != nil {
		return
	}
	l.eachTurn = slices.DeleteFunc(l.eachTurn, func(o Flusher) bool { return o == f })
	if on && f != nil {
		l.eachTurn = append(l.eachTurn, f)
	}
}

// SetTimeout arms t for due, or moves it there.
func (m *Maker) SetTimeout(t *Timeout, due poller.Time) {
	l := m.l()
	if l.checkCaller("loop.Maker.SetTimeout") != nil {
		return
	}
	l.timers.set(t, due)
}

// StopTimeout disarms t and reports whether it was armed.
func (m *Maker) StopTimeout(t *Timeout) bool {
	l := m.l()
	if l.checkCaller("loop.Maker.StopTimeout") != nil {
		return false
	}
	return l.timers.stop(t)
}

// Walk calls fn for every handle that is on the loop: those that are active or
// open, and those that are closing. fn may close handles.
func (l *Loop) Walk(fn func(Handle)) {
	if l.checkCaller("loop.Loop.Walk") != nil {
		return
	}
	if fn == nil {
		return
	}
	for _, h := range l.handles.all() {
		if h.base().index != 0 {
			fn(h)
		}
	}
}

// Guarded reports whether callbacks must be run by Call: where they need not, that costs less.
func (m *Maker) Guarded() bool { return m.observed }

// Recover is deferred around what may panic and is no callback, where the loop is Guarded. Call
// has it already.
func (m *Maker) Recover(h Handle) {
	l := m.l()
	if l.onPanic == nil {
		return
	}
	v := recover()
	if v == nil {
		return
	}
	l.onPanic(h, v, debug.Stack())
	if h == nil || h.base().flags&finishing != 0 {
		return
	}
	if a, ok := h.(interface{ Abort() error }); ok {
		a.Abort()
	} else {
		h.Close()
	}
}
