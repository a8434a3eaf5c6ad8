package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"example.com/pike/loop"
)

// What the loop's Metrics say of connections is counted here.

// tally is where the loop counts.
func (c *Conn) tally() *loop.Counters { return c.lp().Counters() }

// stateOf is the count that has a connection of that life.
func stateOf(n *loop.Conns, l life) *int {
	switch l {
	case connecting:
		return &n.Dialing
	case shaking:
		return &n.Handshaking
	case open:
		return &n.Open
	}
	return &n.Closing
}

// appear counts a connection that is on the loop now.
func (c *Conn) appear() { *stateOf(&c.tally().Conns, c.life)++ }

// become is the next life.
func (c *Conn) become(l life) {
	n := &c.tally().Conns
	*stateOf(n, c.life)--
	*stateOf(n, l)++
	c.life = l
}

// vanish counts a connection that has ended.
func (c *Conn) vanish() {
	n := c.tally()
	*stateOf(&n.Conns, c.life)--
	*endOf(&n.Ended, c.reason())++
}

// endOf is the count of a reason. Most connections end with nil or io.EOF itself.
func endOf(n *loop.Ends, err error) *uint64 {
	switch {
	case err == nil:
		return &n.Closed
	case errors.Is(err, io.EOF):
		return &n.EOF
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &n.Reset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return &n.TimedOut
	case errors.Is(err, ErrQueueLimit), errors.Is(err, ErrReadLimit):
		return &n.Limited
	case errors.Is(err, loop.ErrShutdown):
		return &n.Shutdown
	case errors.Is(err, net.ErrClosed):
		return &n.Aborted
	}
	return &n.Failed
}

// arrived counts n bytes that have arrived together.
func (c *Conn) arrived(n int) {
	s := &c.tally().Stream
	s.BytesIn += uint64(n)
	s.MessagesIn++
}

// tookOver counts n bytes that the system has taken.
func (c *Conn) tookOver(n int) { c.tally().Stream.BytesOut += uint64(n) }

// countUnread has the loop count what is unread, after that has changed.
func (c *Conn) countUnread(in *input) {
	c.tally().Stream.Unread += in.size() - in.counted
	in.counted = in.size()
}
