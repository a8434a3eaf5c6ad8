package loop

import "example.com/pike/poller"

// The states of Loop.sleep. Whoever changes it to awake has to wake the poller. Whoever finds
// it awake need not: the loop looks at mail and stop before it waits.
const (
	awake  = poller.Awake
	asleep = poller.Polling // in a Poll, or not running
)

// interrupt wakes the loop if it sleeps. It swaps, and does not compare with the state that it
// has seen: the poller may lie down between the two, and then nobody would wake it.
func (l *Loop) interrupt() {
	if l.sleep.Load() != awake && l.sleep.Swap(awake) != awake {
		l.mail.wake(l.poller)
	}
}

// getUp says that Poll has returned. Most pollers have said so before, and to look costs
// less than a store that other cores see.
func (l *Loop) getUp() {
	if l.sleep.Load() != awake {
		l.sleep.Store(awake)
	}
}

// waits reports whether the loop's goroutine is blocked in its poller, and calls nobody.
func (l *Loop) waits() bool { return l.sleep.Load() == poller.Waiting }
