package loop

import (
	"testing"
	"time"
)

// Nothing is told before Slow is over, and then at each doubling.
func TestWatchdogTellsNothingTooEarly(t *testing.T) {
	const ms = time.Millisecond
	w := newWatchdog(nil, 20*ms, func(string, time.Duration, []byte) {})
	w.closed = true // the test looks by itself
	at := time.Now()
	look := func(after time.Duration, want bool) {
		t.Helper()
		at = at.Add(after)
		if _, due := w.sees(w.beat.Load(), at); due != want {
			t.Errorf("reported: %v", due)
		}
	}
	w.begin(nil)
	look(0, false)
	look(19*ms, false)
	look(ms, true)
	look(19*ms, false)
	look(ms, true)
	w.end()
	w.begin(nil)
	look(ms, false)
	look(19*ms, false)
	w.end()
	look(time.Hour, false)
}
