package stream

import (
	"errors"
	"net"
	"os"
	"slices"

	"example.com/pike/loop"
)

// ErrQueueLimit is the reason of a connection that was closed because too much
// was queued: more than a [QueueLimit] allows.
var ErrQueueLimit = errors.New("queue limit exceeded")

// A QueueLimit bounds the memory of output that peers do not take: of one
// connection (Options.QueueLimit, [Conn.SetQueueLimit]) or of all those of a loop
// ([SetLoopLimit]). There is none by default. Output that exceeds a limit is never dropped
// while the connection lives.
//
// [Conn.Buffered] is what counts. So what a callback writes to its own connection counts until
// the callback ends. Under Disconnect all of a Write counts before any of it is sent, so that a
// Write of more than Bytes is always refused. Connections may share one QueueLimit; it must not be
// changed while it is in use.
type QueueLimit struct {
	// Bytes are how many may be queued; more than 0.
	Bytes int

	// Policy is what happens at the Write that exceeds Bytes.
	Policy Overflow

	// OnExceeded, if set, is called under Notify and PauseReads, from the loop, with the
	// connection that was written to. It is not called if the queue has gone down to half of
	// Bytes by then, and not again before the queue was down to that.
	OnExceeded func(c *Conn)
}

// An Overflow is what is done about a queue that exceeds its limit.
type Overflow uint8

const (
	// Disconnect resets the connection. The Write takes nothing; its error and the
	// reason of OnClose are ErrQueueLimit. A loop's limit resets the connections that have
	// most queued, until the others are within the limit.
	Disconnect Overflow = iota

	// PauseReads queues, and stops OnRead of the connection that was written to
	// until half of Bytes is left. It is for servers whose output answers their input,
	// and does nothing about output that comes from elsewhere. Peers on the same
	// loop would be paused as well: between two connections use Join.
	PauseReads

	// Notify queues, and calls OnExceeded, which is then required.
	Notify
)

func (l *QueueLimit) valid() bool {
	return l == nil || l.Bytes > 0 && l.Policy <= Notify && (l.Policy != Notify || l.OnExceeded != nil)
}

// SetQueueLimit sets Options.QueueLimit for this connection; nil is none. The next Write
// looks at what is queued already. Reading that the old limit paused goes on.
func (c *Conn) SetQueueLimit(l *QueueLimit) error {
	if err := c.lp().Check("stream.Conn.SetQueueLimit"); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("set", net.ErrClosed)
	case !l.valid():
		return c.fail("set", errInvalid)
	}
	p := c.conf.policy
	p.limit = l
	c.configure(p)
	c.unexceed()
	return nil
}

// SetLoopLimit bounds what all connections of lp together may have queued; nil,
// as from the start, is no bound. The next Write looks at what is queued already. Reading that
// the old limit paused goes on. Under Disconnect no more than Bytes may wait for the loop
// besides, in [Conn.AsyncWrite]. SetLoopLimit belongs to the loop's goroutine. A limit that
// makes no sense is os.ErrInvalid.
func SetLoopLimit(lp *loop.Loop, l *QueueLimit) error {
	if lp == nil || !l.valid() {
		return &net.OpError{Op: "set", Net: "stream", Err: os.ErrInvalid}
	}
	if err := lp.Maker().Check("stream.SetLoopLimit"); err != nil {
		return err
	}
	s := sharedOf(lp)
	s.loopLimit, s.over = l, false
	s.relieve()
	limitLetters(lp, l)
	return nil
}

// Queued is how many bytes all connections of lp have queued. What the system is being given
// counts until it has all of that. Queued belongs to the loop's goroutine.
func Queued(lp *loop.Loop) int {
	if lp.Maker().Check("stream.Queued") != nil {
		return 0
	}
	return sharedOf(lp).queued
}

// refuse is why n more bytes may not be written, where a limit disconnects, or nil. All n count,
// although the system might take some of them at once. How many shows only when it has taken
// them, and then the peer would have a part of what is refused.
func (c *Conn) refuse(n int) error {
	s := c.conf
	if l := s.limit; l != nil && l.Policy == Disconnect && n > 0 && c.Buffered()+n > l.Bytes {
		return c.disconnect()
	}
	if l := s.loopLimit; l != nil && l.Policy == Disconnect && n > 0 {
		for s.queued+n > l.Bytes {
			most := s.most(c, n)
			if err := most.disconnect(); most == c {
				return err
			}
		}
	}
	return nil
}

// admit does what a limit that does not disconnect does about n more bytes.
func (c *Conn) admit(n int) {
	s := c.conf
	if l := s.limit; l != nil && l.Policy != Disconnect && n > 0 && c.Buffered()+n > l.Bytes {
		if c.excess == within {
			c.excess = exceeded
			if l.OnExceeded != nil {
				c.excess = exceeds
			}
		}
		if l.Policy == PauseReads {
			c.hush(stopByQueue)
		}
	}
	if l := s.loopLimit; l != nil && l.Policy != Disconnect && n > 0 && s.queued+n > l.Bytes {
		c.exceedLoop(l)
	}
}

func (c *Conn) exceedLoop(l *QueueLimit) {
	s := c.conf.shared
	if !s.over {
		s.over = true
		if l.OnExceeded != nil {
			c.debts |= oweExceeded
		}
	}
	if l.Policy == PauseReads && c.hush(stopByLoop) {
		s.waiting = append(s.waiting, c)
	}
}

// most is the connection with the most queued, if c had n bytes more.
func (s *shared) most(c *Conn, n int) *Conn {
	most := c
	if c.out != nil {
		n += c.out.counted
	}
	for _, o := range s.busy {
		if o.counted > n {
			most, n = o.c, o.counted
		}
	}
	return most
}

// disconnect ends a connection that has too much queued. None of that counts any more, although
// the poller may still have some of it.
func (c *Conn) disconnect() error {
	err := c.fail("write", ErrQueueLimit)
	if o := c.out; o != nil {
		c.uncount(o, o.counted)
	}
	if c.life == connecting {
		c.makeRare().err = c.losing(err)
		c.close()
	} else {
		c.abandon(err)
	}
	return err
}

// hush stops reading for now, and reports whether why is a new reason for that.
func (c *Conn) hush(why readStops) bool {
	if c.stops&why != 0 {
		return false
	}
	c.stops |= why
	if c.life >= open {
		c.s.Stop()
	}
	return true
}

// unexceed is when the queue is within the connection's limit again, or the limit is a new one.
func (c *Conn) unexceed() {
	c.excess = within
	if c.stops&stopByQueue != 0 {
		c.goOn(stopByQueue)
	}
}

// relieve does what the limits have left for the connection to do. It is a part of flush.
func (c *Conn) relieve() {
	l := c.conf.limit
	if c.excess != within && c.Buffered() <= l.Bytes/2 {
		c.unexceed()
	}
	loops := c.owes(oweExceeded)
	c.debts &^= oweExceeded
	if c.excess == exceeds {
		c.excess = exceeded
		c.tell(l.OnExceeded)
	}
	if l := c.conf.loopLimit; loops && l != nil && c.conf.over && !c.Closing() {
		c.tell(l.OnExceeded)
	}
}

// count notes that n bytes were queued, uncount that they are not any more.
func (c *Conn) count(n int) {
	c.out.counted += n
	c.conf.shared.queued += n
	c.tally().Stream.Queued += n
	if k := c.clock(); k != nil {
		k.written += n
	}
}

func (c *Conn) uncount(o *output, n int) {
	n = min(n, o.counted)
	o.counted -= n
	s := c.conf.shared
	s.queued -= n
	c.tally().Stream.Queued -= n
	if s.over && s.queued <= s.loopLimit.Bytes/2 {
		s.over = false
		s.relieve()
	}
}

// relieve lets those read again that the loop's limit has paused.
func (s *shared) relieve() {
	for i, c := range s.waiting {
		s.waiting[i] = nil
		c.goOn(stopByLoop)
	}
	s.waiting = s.waiting[:0]
}

// forget takes a connection that has ended off the list of those that the loop's limit has
// paused.
func (c *Conn) forget() {
	if c.stops&stopByLoop != 0 {
		c.conf.waiting = slices.DeleteFunc(c.conf.waiting, func(o *Conn) bool { return o == c })
	}
}
