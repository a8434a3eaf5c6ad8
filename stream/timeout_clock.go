package stream

import (
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// All timeouts of a connection share one loop.Timeout, which is armed for the first of them
// and never moved back. What happens on the connection is only remembered, and looked at when
// the Timeout expires. So a packet costs a reading of the clock, and a million idle connections
// cost the wheel one visit a timeout each, many of them in one turn of the loop.

// A clock remembers when things happen on an open connection that has timeouts.
type clock struct {
	c    *Conn
	look loop.Timeout // when to look again
	times
	sent    poller.Time // when the system took something last
	written int         // bytes so far
	acked   int         // what acknowledged was at the last look
	awaited int         // bytes that had arrived when the deadline passed, and were not received
	passed  nextPoll    // after a timeout
	counts  bool        // awaited does
	slow    bool        // left was more than 0 at the last look
}

// clock is the clock of c, or nil.
func (c *Conn) clock() *clock {
	if c.rare == nil {
		return nil
	}
	return c.rare.clock
}

// now reads the system's clock: the loop's own reading is from before it waited.
func (c *Conn) now() poller.Time { return c.lp().Poller().Now() }

// startClock begins to remember when things happen, from now on.
func (c *Conn) startClock() *clock {
	m := c.makeRare()
	if m.clock == nil {
		m.clock = &clock{c: c}
		m.clock.look.Init(m.clock)
	}
	k, now := m.clock, c.now()
	k.read, k.moved, k.reading, k.sent = now, now, now, now
	k.acked, k.left = k.acknowledged()
	k.review()
	return k
}

// expect sets the time of the deadline; 0 is none.
func (k *clock) expect(at poller.Time) {
	k.deadline, k.passed, k.counts = at, 0, false
	k.wakeBy(at)
}

// received is when n bytes have arrived.
func (k *clock) received(n int) {
	k.read = k.c.now()
	k.awaited -= n
}

// progressed is when the system has taken some of what was written.
func (c *Conn) progressed() {
	if k := c.clock(); k != nil {
		k.sent = c.now()
		k.owes(k.sent)
	}
}

// took is progressed for n bytes that were never queued.
func (c *Conn) took(n int) {
	if k := c.clock(); k != nil && n > 0 {
		k.written += n
		c.progressed()
	}
}

// queued is when something is queued where nothing was.
func (k *clock) queued() {
	if k.left == 0 {
		k.owes(k.c.now())
	}
}

// owes is when the peer has been given something to take. If it had taken everything, it can
// be late from here on. What it is given after that changes nothing, because else one that has
// vanished would never be late for somebody who goes on writing.
func (k *clock) owes(now poller.Time) {
	if k.left > 0 {
		return
	}
	k.left, k.moved = 1, now // how much it is will be looked at
	if p := &k.c.conf.policy; p.write > 0 || p.idle > 0 {
		k.wakeBy(now.Add(p.lookEvery()))
	}
}

// resumed is when reading begins, or goes on after a pause.
func (k *clock) resumed() {
	k.reading = k.c.now()
	if d := k.c.conf.read; d > 0 {
		k.wakeBy(k.reading.Add(d))
	}
}

// lookTick is what the times of looks are rounded up to, about 4 ms: a million connections
// whose timeouts are all due at times of their own would else wake the loop for each.
const lookTick = 1 << 22

// lookAgain is when a connection is looked at again if a Poll has still to tell something of it.
// There is no hurry, because what is told moves the bound that has passed.
const lookAgain = 3 * lookTick

// wakeBy has review called at that time or earlier. 0 is never, and so is the end of time.
func (k *clock) wakeBy(at poller.Time) {
	if at != 0 && at < poller.Never-lookTick {
		k.wakeAt((at + lookTick - 1) &^ (lookTick - 1))
	}
}

func (k *clock) wakeAt(at poller.Time) {
	if !k.look.Armed() || at < k.look.Due() {
		k.c.lp().SetTimeout(&k.look, at)
	}
}

// looks is how often within a timeout we look whether the peer has taken something, because nobody
// tells us when it does.
const looks = 4

// lookEvery is the time between looks.
func (p *policy) lookEvery() time.Duration {
	if p.idle == 0 || p.write > 0 && p.write < p.idle {
		return p.write / looks
	}
	return p.idle / looks
}

// outstanding is what the peer has still to take: what it has not acknowledged. Where the backend
// cannot tell that, it is what the system has not taken.
func (c *Conn) outstanding() int { return c.Buffered() + c.unacked() }

// acknowledged grows by what the peer takes; left is what it still has to take.
func (k *clock) acknowledged() (acked, left int) {
	left = k.c.outstanding()
	return k.written - left, left
}

// follow looks at what the peer has taken since the last look.
func (k *clock) follow(now poller.Time) {
	acked, left := k.acknowledged()
	moves := acked > k.acked
	switch {
	case moves && (left > 0 || k.slow):
		k.moved = now
	case moves: // it has taken everything, about when the last of that was sent
		k.moved = max(k.moved, k.sent)
	}
	k.acked, k.left, k.slow = acked, left, left > 0
}

// Expired is the time to look.
func (k *clock) Expired(*loop.Timeout) {
	if k.c.life == open || k.c.life == shaking {
		k.review()
	}
}

// review ends the connection if one of its timeouts has passed. Else it decides when to look again.
func (k *clock) review() {
	c, now := k.c, k.c.now()
	p := &c.conf.policy
	if c.life == shaking { // there is LayerTimeout; the deadline stays
		p = &policy{}
	}
	k.follow(now)
	all := k.bounds(p, c.reads())
	v := decide(&all, now, news{})
	if v.waits {
		v = decide(&all, now, k.news(v.once))
	}
	switch {
	case v.op != "":
		c.expire(v.op)
		return
	case v.waits && !k.passed.over(c.Loop()):
		k.wakeAt(now)
		return
	case v.waits:
		v.next = min(v.next, now.Add(lookAgain))
	default:
		k.passed, k.counts = 0, false
		if k.left > 0 && (p.write > 0 || p.idle > 0) {
			v.next = min(v.next, now.Add(p.lookEvery()))
		}
	}
	k.wakeBy(v.next)
}

// reads is what c does about reading.
func (c *Conn) reads() reads {
	switch {
	case c.is(readEnded):
		return readsNoMore
	case c.stopped() || c.is(noReader):
		return readsLater
	}
	return readsNow
}

// news asks what Polls have still to tell, as a timeout has passed. once says that it is the
// deadline: of a peer that sends on and on only what was there by then counts for that.
func (k *clock) news(once bool) news {
	n, ev := k.c.untold()
	if once && !k.counts {
		k.counts, k.awaited = true, n
	}
	return news{
		polled: k.passed.over(k.c.Loop()),
		untold: ev,
		inTime: n == 0 || k.awaited > 0, // what has no bytes is an end
	}
}

// expire ends a connection because a timeout, that of op, has passed. What the system has it sends
// by itself.
func (c *Conn) expire(op string) {
	m := c.makeRare()
	err := m.err // sending had failed before, and the peer did not say why
	if err == nil {
		err = c.fail(op, os.ErrDeadlineExceeded)
	}
	if c.out != nil {
		c.abandon(err)
		return
	}
	m.err = c.losing(err)
	c.lp().BeginClose(c)
	c.closeStream()
}

// A nextPoll tells whether there was a Poll since somebody began to wait for it. 0 is that
// nobody waits.
type nextPoll uint64

// over begins to wait, if nobody does, and reports whether the Poll was there.
func (p *nextPoll) over(lp *loop.Loop) bool {
	turn := nextPoll(lp.Maker().Turns() + 1)
	if *p == 0 {
		*p = turn
	}
	return *p != turn
}
