package stream

import (
	"errors"
	"fmt"
	"net"
)

// A LossError says how much output the peer of a connection may not have. The reason of
// OnClose wraps it, and errors.As finds it there. It wraps in turn why the connection ended,
// which errors.Is finds: os.ErrDeadlineExceeded where Close ran out of time, say. Where there is
// no LossError, the system or the peer had everything.
type LossError struct {
	// Unsent is how many bytes of what was written the system has not taken, or has
	// not said that it took. The peer has none of them, except where a send failed half
	// way.
	Unsent int

	// Unacked is how many bytes the system has taken and the peer's has not
	// acknowledged: the peer may have them. It is 0 on a backend that cannot tell.
	Unacked int

	// Err is why the connection ended.
	Err error
}

// Error is Err, and how much was lost.
func (e *LossError) Error() string {
	switch {
	case e.Unacked == 0:
		return fmt.Sprintf("%v (%d bytes unsent)", e.Err, e.Unsent)
	case e.Unsent == 0:
		return fmt.Sprintf("%v (%d bytes not acknowledged)", e.Err, e.Unacked)
	}
	return fmt.Sprintf("%v (%d bytes unsent, %d not acknowledged)", e.Err, e.Unsent, e.Unacked)
}

// Unwrap is why the connection ended.
func (e *LossError) Unwrap() error { return e.Err }

// Timeout reports whether a time ran out, for net.Error.
func (e *LossError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// losing is err, which ends c, with what is lost by that.
func (c *Conn) losing(err error) error {
	loss := LossError{Unsent: c.Buffered() + c.filed(), Unacked: c.unackedBytes()}
	var known *LossError
	if c.writes == sendFailed && errors.As(c.rare.err, &known) { // else it is of CloseWithError, and may be of another connection
		loss.Unsent, loss.Unacked = loss.Unsent+known.Unsent, max(loss.Unacked, known.Unacked)
	}
	if loss.Unsent == 0 && loss.Unacked == 0 {
		return err
	}
	var op *net.OpError
	if !errors.As(err, &op) {
		loss.Err = err
		return &loss
	}
	wrapped := *op // a copy, because others may have been given err
	loss.Err = op.Err
	wrapped.Err = &loss
	return &wrapped
}

// unackedBytes is how many bytes of what was written the peer has not acknowledged.
// TCP numbers the SYN and the FIN as if each were a byte, and unacked counts them too.
func (c *Conn) unackedBytes() int {
	if c.life == connecting || !c.is(spoken) {
		return 0 // what it has not acknowledged can be the SYN alone
	}
	n := c.unacked()
	if c.writes >= finSent {
		n-- // the FIN
	}
	return max(n, 0)
}

// recall counts what is in flight as queued again, because a Send that failed does not say
// how far it came.
func (o *output) recall() {
	for _, b := range o.bufs[o.head : o.head+o.flight] {
		o.queued += len(b)
	}
	if k := o.file(); k != nil && o.flight > 0 {
		o.queued += len(k.one[0])
	}
	o.flight = 0
}
