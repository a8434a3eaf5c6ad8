package loop

import "example.com/pike/poller"

// The states of Loop.sleep. Only the loop's goroutine leaves awake; whoever finds another
// one and sets it awake has to wake the poller.
const (
	awake   uint32 = iota // mail and stop will be looked at before the next wait
	asleep                // in a Poll that may be calling back, or not running
	waiting               // in a Poll, and not calling back
)

// interrupt wakes the loop if it sleeps.
func (l *Loop) interrupt() {
	if was := l.sleep.Load(); was != awake && l.sleep.CompareAndSwap(was, awake) {
		l.mail.wake(l.poller)
	}
}

// lieDown says that the loop's goroutine is about to poll. A poller that says when it has
// waited lets us tell callers who are not on the loop, which then does not call anybody.
func (l *Loop) lieDown() { l.sleep.Store(l.waits) }

// getUp says that Poll has returned. Its poller mostly has said so before, and to look
// costs less than a store that other cores see.
func (l *Loop) getUp() {
	if l.sleep.Load() != awake {
		l.sleep.Store(awake)
	}
}

// watchSleep has the poller say when it has waited, if it can.
func (l *Loop) watchSleep() {
	l.waits = asleep
	if s, ok := l.poller.(poller.Sleeper); ok {
		s.MarkAwake(&l.sleep)
		l.waits = waiting
	}
}
