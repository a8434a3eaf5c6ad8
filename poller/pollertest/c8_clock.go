package pollertest

import (
	"math"
	"time"

	"example.com/pike/poller"
)

var clockClauses = []clause{
	{name: "C8_deadline_is_never_early", test: deadlineNeverEarly},
	{name: "C8_past_deadline_does_not_block", test: pastDeadline},
	{name: "C8_past_deadline_tells_what_there_is", test: pastDeadlineTells, both: true},
	{name: "C8_deadline_with_idle_sockets", test: deadlineWithSockets, both: true},
	{name: "C8_clock_does_not_go_back", test: clockForward},
}

// deadlineNeverEarly polls with nothing else that could end the Poll.
func deadlineNeverEarly(r *rig) {
	for _, d := range []time.Duration{
		1, 100, time.Microsecond, 10 * time.Microsecond, 99_999, 500 * time.Microsecond, 999_999,
		time.Millisecond, 1_000_001, 1500 * time.Microsecond, 3 * time.Millisecond, 10*time.Millisecond - 1,
	} {
		for range 3 {
			deadline := r.p.Now().Add(d)
			r.poll(deadline)
			if now := r.p.Now(); now < deadline {
				r.Errorf("a deadline in %v fired %v early", d, deadline.Sub(now))
			}
		}
	}
}

func pastDeadline(r *rig) {
	for _, deadline := range []poller.Time{r.p.Now(), r.p.Now() - 1, 0, -1, math.MinInt64} {
		start := r.p.Now()
		r.poll(deadline)
		if d := r.p.Now().Sub(start); d > patience/2 {
			r.Errorf("at %d, a deadline of %d took %v", start, deadline, d)
		}
	}
}

// pastDeadlineTells polls with a deadline that is past and not 0, right after Polls that
// had nothing to tell. Data waits by then.
func pastDeadlineTells(r *rig) {
	a, b := r.pair(nil)
	for sent := int64(1); sent <= 5; sent++ {
		a.send(1)
		r.settle()
		b.start()
		for range 3 { // a Poll may return early with nothing done
			r.poll(r.p.Now() - 1)
		}
		b.stop()
		if b.in != sent {
			r.Fatalf("of %d bytes that are there, Poll with a deadline that is past tells %d", sent, b.in)
		}
	}
}

// deadlineWithSockets polls with sockets of every kind to which nothing happens.
func deadlineWithSockets(r *rig) {
	a, b := r.pair(nil)
	r.bind(nil)
	a.start()
	b.start()
	r.settle()
	for range 5 {
		deadline := r.p.Now().Add(2 * time.Millisecond)
		r.poll(deadline)
		if now := r.p.Now(); now < deadline {
			r.Errorf("with idle sockets a deadline in 2 ms fired %v early", deadline.Sub(now))
		}
	}
}

func clockForward(r *rig) {
	last := r.p.Now()
	for i := range 1000 {
		if i%10 == 0 {
			r.poll(last.Add(time.Duration(i) * 10 * time.Nanosecond))
		}
		now := r.p.Now()
		if now < last {
			r.Fatalf("the clock went from %d to %d", last, now)
		}
		last = now
	}
	if got := poller.Time(5).Add(math.MaxInt64); got != poller.Never {
		r.Errorf("an overflowing Add is %d, not Never", got)
	}
}
