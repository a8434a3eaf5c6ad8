package loop

import (
	"time"

	"example.com/pike/poller"
)

// What a burst has made grow is given back when Run ends. A loop that goes on gives it back
// after trimTurns turns, or after trimEvery if that comes first. That is so seldom that it
// costs nothing, even where the next burst comes at once.
const (
	keptMost  = 4096 // entries of a queue; what is larger is kept while a quarter of it is in use
	trimTurns = 1024
	trimEvery = time.Second
	trimSoon  = 10 * time.Millisecond // where movesMost was not enough
	movesMost = 16384                 // places in the table of handles that are looked at together
)

// A trimmer gives back by the clock, as a loop that sleeps may have no turns to count.
type trimmer struct {
	l       *Loop
	timeout Timeout
}

func (t *trimmer) init(l *Loop) {
	t.l = l
	t.timeout.Init(t)
}

func (t *trimmer) Expired(*Timeout) { t.l.giveBack() }

// giveBack gives back what is not needed now.
func (l *Loop) giveBack() {
	l.mail.trim()
	l.deferred.trim()
	l.finishes.trim()
	l.timers.heap = fit(l.timers.heap, 0)
	if more := l.handles.trim(); more {
		l.timers.set(&l.trim.timeout, l.poller.Now().Add(trimSoon))
	}
}

// trimBy arms the trimmer if something is too large, and returns when it expires.
func (l *Loop) trimBy() poller.Time {
	t := &l.trim.timeout
	switch {
	case t.Armed():
		return t.Due()
	case l.mail.large || l.deferred.large() || l.finishes.large() || loose(l.timers.heap, 0) || l.handles.large():
		l.timers.set(t, l.poller.Now().Add(trimEvery))
		return t.Due()
	}
	return poller.Never
}

// loose reports whether s is too large for what is in it, from index from on.
func loose[S ~[]T, T any](s S, from int) bool {
	return cap(s) > keptMost && len(s)-from < cap(s)/4
}

// fit is s from index from on, copied into a smaller slice if s is loose.
func fit[S ~[]T, T any](s S, from int) S {
	if !loose(s, from) {
		return s[from:]
	}
	return append(make(S, 0, len(s)-from), s[from:]...)
}
