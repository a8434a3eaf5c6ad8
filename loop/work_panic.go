package loop

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// survived is how long a loop waits after a panic that went on to an Executor. A program
// that goes on so long has survived the panic: one that a panic ends needs a small part of
// this time.
const survived = 100 * time.Millisecond

// panicked decides what becomes of a panic on the job's goroutine. A loop that handles
// panics gets it in the way of a result, and one that is closed may still have a log.
// Otherwise the panic goes on, up through the Executor, and mostly ends the program. But a
// pool may recover it, as ants does. All that shows this is that the program goes on. Then
// done is told, or the loop would wait for it for ever.
func (j *Job) panicked(v any) {
	l, p := j.lp, &PanicError{v, debug.Stack()}
	outcome := func() { l.hear(p) } // of a job that was abandoned
	if j.state.CompareAndSwap(jobBegun, jobEnded) {
		j.panic, j.err = p, p
		outcome = j.settled
	}
	if l.onPanic != nil {
		if l.mail.putPanic(p, outcome) {
			l.interrupt()
			return
		}
		if l.log.Enabled(context.Background(), slog.LevelError) {
			l.log.Error("a job has panicked, and its loop is closed", "value", v, "stack", string(p.Stack))
			return
		}
	}
	if l.mayRecover {
		l.Post(func() {
			s := &survivor{then: outcome}
			s.timeout.Init(s)
			l.Maker().SetTimeout(&s.timeout, l.poller.Now().Add(survived))
		})
	}
	panic(v)
}

// A survivor waits to see whether the program goes on.
type survivor struct {
	timeout Timeout
	then    func()
}

func (s *survivor) Expired(*Timeout) { s.then() }

// putPanic is put for the outcome of a job that has panicked. The panic is kept apart until
// somebody has heard it: what is posted is dropped when the loop closes, and a panic is not.
func (m *mailbox) putPanic(p *PanicError, fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.add(fn) {
		return false
	}
	m.panics = append(m.panics, p)
	return true
}

// hear takes note of a panic, and tells OnPanic.
func (l *Loop) hear(p *PanicError) {
	if l.onPanic == nil {
		return
	}
	l.mail.mu.Lock()
	l.mail.panics = slices.DeleteFunc(l.mail.panics, func(o *PanicError) bool { return o == p })
	l.mail.mu.Unlock()
	l.onPanic(nil, p.Value, p.Stack)
}

// tellPanics is for when the loop closes: it tells the panics that nobody has heard, as
// nobody will.
func (l *Loop) tellPanics() {
	l.mail.mu.Lock()
	unheard := l.mail.panics
	l.mail.panics = nil
	l.mail.mu.Unlock()
	for _, p := range unheard {
		l.onPanic(nil, p.Value, p.Stack)
	}
}
