package loop

import (
	"time"

	"example.com/pike/poller"
)

// What a burst has made grow is given back when Run ends, and on a loop that goes on after
// so many turns, or so much time where it has fewer. Looked at so seldom it costs nothing, even
// where there is a burst again at once.
const (
	keptMost  = 4096 // entries of a queue; what is larger is kept while a quarter of it is in use
	trimTurns = 1024
	trimEvery = time.Second
	trimSoon  = 10 * time.Millisecond // where movesMost was not enough
	movesMost = 16384                 // places in the table of handles that are looked at together
)

// A trimmer gives back by the clock, for a loop that may not have another turn.
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

// trimBy has the loop give back in time what is too large, and is when it does that next.
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

// loose reports whether a slice, of which the part before from is done with, is too large.
func loose[S ~[]T, T any](s S, from int) bool {
	return cap(s) > keptMost && len(s)-from < cap(s)/4
}

// fit is what is left of s from there on, in a smaller slice if s is loose.
func fit[S ~[]T, T any](s S, from int) S {
	if !loose(s, from) {
		return s[from:]
	}
	return append(make(S, 0, len(s)-from), s[from:]...)
}
