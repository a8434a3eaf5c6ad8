package loop

import (
	"context"
	"reflect"
	"runtime/trace"
	"strings"
)

// A Maker is a Loop as packages see it that make handles: who only uses handles needs
// nothing of it. Its methods belong to the loop's goroutine, and must not be called with a
// handle that is nil or of another loop.
type Maker Loop

// Maker is l for packages that make handles.
func (l *Loop) Maker() *Maker { return (*Maker)(l) }

func (m *Maker) l() *Loop { return (*Loop)(m) }

// Check returns ErrOffLoop, with the name of the method that was called, if the loop
// waits for events: the caller is then another goroutine than the loop's. In race builds
// and under the build tag pikedebug it panics if the caller is another goroutine, whatever
// the loop does. Every method of a handle begins with it. On an error the method does
// nothing else, and returns the error if it has one to return.
func (m *Maker) Check(method string) error { return m.l().checkCaller(method) }

// Call runs a callback of h, or of no handle if that is nil. Where the loop has
// Options.OnPanic, a panic in it is handed to that, and ends h. Where it has Options.Slow, the time
// that it takes is watched. While a trace is on (runtime/trace) it is a region of that, by its kind.
func (m *Maker) Call(h Handle, fn func()) {
	if !m.observed { // inlined, and fn with it
		fn()
		return
	}
	m.guard(h, fn)
}

func (m *Maker) guard(h Handle, fn func()) {
	if w := m.watchdog; w != nil {
		w.begin(h)
		defer w.end()
	}
	if m.onKind != nil {
		m.l().tellKind(h)
	}
	if trace.IsEnabled() {
		defer trace.StartRegion(context.Background(), kindOf(h)).End()
	}
	if m.onPanic != nil {
		defer m.Recover(h)
	}
	fn()
}

// observe decides whether callbacks go through guard. A trace can be turned on at any time, and is looked
// for once a turn.
func (l *Loop) observe() {
	l.observed = l.onPanic != nil || l.watchdog != nil || l.onKind != nil || trace.IsEnabled()
}

// tellKind tells OnKind of a kind that is not the last one.
func (l *Loop) tellKind(h Handle) {
	if of := reflect.TypeOf(h); of != l.kind || !l.kindTold {
		l.kind, l.kindTold = of, true
		l.onKind(kindOf(h))
	}
}

// kindOf is what a handle is for people: "stream.Conn", and "post" where there is none.
func kindOf(h Handle) string {
	if h == nil {
		return posted
	}
	return strings.TrimPrefix(reflect.TypeOf(h).String(), "*")
}
