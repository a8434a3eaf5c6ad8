package server

import (
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/timer"
)

// A lineup is clients in the order in which their time runs out, which is that of their entering it, since all have the
// same time. So one timer, set for the first, is enough, and a client that sends something costs no timer at all: it
// goes to the end, and when the timer fires there may be nobody due.
type lineup struct {
	first, last *client
	n           int
	limit       time.Duration // 0 is for ever
	lp          *loop.Loop
	timer       *timer.Timer
	out         func(*client) // called for whom it has run out, who is still in; takes them out
}

// A place is where a client stands in a lineup; it stands in at most one.
type place struct {
	in         *lineup
	since      poller.Time
	prev, next *client
}

func (l *lineup) init(lp *loop.Loop, limit time.Duration, out func(*client)) {
	l.lp, l.limit, l.out = lp, limit, out
	l.timer, _ = timer.New(lp, l.expired)
}

// push puts c at the end; c stands nowhere yet.
func (l *lineup) push(c *client) {
	c.place = place{in: l, since: l.lp.Now(), prev: l.last}
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
	l.n++
	if l.limit > 0 && !l.timer.Active() {
		l.timer.Start(l.limit, 0)
	}
}

// touch gives c its full time again.
func (l *lineup) touch(c *client) {
	if c.in.last == c {
		c.since = l.lp.Now()
		return
	}
	c.take()
	l.push(c)
}

// remove takes c out of the lineup it stands in, if it does.
func (c *client) remove() {
	l := c.in
	if l == nil {
		return
	}
	if c.take(); l.n == 0 {
		l.timer.Stop() // an armed timer would keep the loop running
	}
}

func (c *client) take() {
	l := c.in
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	l.n--
	c.place = place{}
}

func (l *lineup) expired() {
	now := l.lp.Now()
	for l.first != nil && now.Sub(l.first.since) >= l.limit {
		l.out(l.first)
	}
	if l.first != nil {
		l.timer.Start(l.limit-now.Sub(l.first.since), 0)
	}
}
