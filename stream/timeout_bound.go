package stream

import "example.com/pike/poller"

// What is here changes nothing: it says which timeouts a connection has, and what follows when
// some have passed.

// A times is what happened last on a connection, as far as its timeouts ask for it.
type times struct {
	read     poller.Time // when something arrived
	reading  poller.Time // when reading began, or went on
	moved    poller.Time // when the peer took something, as far as we have looked
	deadline poller.Time // of SetReadDeadline; 0 is none
	left     int         // what the peer had to take at the last look; at least 1 if something was written since
}

// A reads is what a connection does about reading.
type reads uint8

const (
	readsNow    reads = iota
	readsLater        // it is paused, or has no OnRead
	readsNoMore       // the peer has ended
)

// A bound is a timeout of a connection.
type bound struct {
	op    string
	at    poller.Time   // when it passes; 0 is never
	lifts poller.Events // what would move it, of what can happen to a stream
	once  bool          // it does not move for what comes later
}

// bounds are the timeouts that a connection has now.
func (t *times) bounds(p *policy, r reads) (all [4]bound) {
	if p.read > 0 && r == readsNow {
		all[0] = bound{"read", max(t.read, t.reading).Add(p.read), poller.Readable, false}
	}
	if t.deadline != 0 && r != readsNoMore {
		all[1] = bound{"read", t.deadline, poller.Readable, true}
	}
	if p.write > 0 && t.left > 0 {
		all[2] = bound{"write", t.moved.Add(p.write), poller.Writable, false}
	}
	if p.idle > 0 {
		all[3] = bound{"idle", max(t.read, t.moved).Add(p.idle), poller.Readable | poller.Writable, false}
	}
	return all
}

// A news is what may still move a bound that has passed. A process that was stopped, or a
// callback that took long, makes us late, and perhaps those whom the peer waits for. So one
// Poll is waited for in any case, and then all that had come in time, be there so much that
// many Polls are needed.
type news struct {
	polled bool          // there was a Poll since a bound was found to have passed
	untold poller.Events // what Polls have still to tell
	inTime bool          // some of that had come when the deadline passed
}

// mayMove reports whether b, which has passed, is to wait.
func (n news) mayMove(b bound) bool {
	switch {
	case !n.polled:
		return true
	case n.untold&b.lifts == 0:
		return false
	}
	return !b.once || n.inTime
}

// A verdict is what follows from the bounds of a connection.
type verdict struct {
	op    string      // what has timed out; "" is nothing
	waits bool        // a bound has passed, and waits for news
	once  bool        // so does one that does not move for what comes later
	next  poller.Time // the first bound that has not passed, or Never
}

// decide says what follows from all bounds, now that there are those news.
func decide(all *[4]bound, now poller.Time, n news) verdict {
	v := verdict{next: poller.Never}
	for _, b := range all {
		switch {
		case b.at == 0:
		case b.at > now:
			v.next = min(v.next, b.at)
		case n.mayMove(b):
			v.waits = true
			v.once = v.once || b.once
		default:
			return verdict{op: b.op}
		}
	}
	return v
}
