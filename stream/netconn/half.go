package netconn

import (
	"errors"
	"os"
	"sync"
	"time"
)

// A half is one direction of a connection, for the goroutines that call.
type half struct {
	turn  sync.Mutex // one call at a time
	cond  sync.Cond  // for that call
	p     []byte     // what it waits with: room for what arrives, or what is still to be written
	n     int        // how much of the room is used
	err   error      // why nothing comes, or goes, any more
	late  bool       // the deadline has passed
	due   time.Time  // the deadline, if it is to come
	timer *time.Timer
}

// end is why nothing comes, or goes, any more. The first reason counts.
func (h *half) end(err error) {
	if h.err == nil {
		h.err = err
	}
	h.cond.Signal()
}

// stop has no deadline pass any more.
func (h *half) stop() {
	h.due = time.Time{}
	if h.timer != nil {
		h.timer.Stop()
	}
}

// wait waits until something has changed. In a world the loop's turn may not be over yet, and what it still does
// must not depend on how soon this goroutine looks at it.
func (n *Conn) wait(h *half) {
	h.cond.Wait()
	if n.b.gate != nil {
		n.mu.Unlock()
		n.b.enter()
		n.mu.Lock()
	}
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (n *Conn) SetDeadline(t time.Time) error { return n.setDeadline(t, &n.read, &n.write) }

// SetReadDeadline has Read return os.ErrDeadlineExceeded from t on, also one that waits; the zero
// Time is no deadline. Later deadlines take its place, and Read goes on after that.
func (n *Conn) SetReadDeadline(t time.Time) error { return n.setDeadline(t, &n.read) }

// SetWriteDeadline is SetReadDeadline for Write, which tells how much was taken by then.
func (n *Conn) SetWriteDeadline(t time.Time) error { return n.setDeadline(t, &n.write) }

func (n *Conn) setDeadline(t time.Time, of ...*half) error {
	n.enter()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return n.fail("set", n.why)
	}
	var left time.Duration
	if !t.IsZero() {
		left = time.Until(t)
	}
	if left > 0 && n.b.gate != nil {
		return n.fail("set", errors.ErrUnsupported)
	}
	for _, h := range of {
		h.stop()
		h.late = left < 0 || left == 0 && !t.IsZero()
		switch {
		case h.late:
			h.cond.Signal()
		case left == 0: // none
		case h.timer == nil:
			h.due = time.Now().Add(left)
			h.timer = time.AfterFunc(left, func() { n.expired(h) })
		default:
			h.due = time.Now().Add(left)
			h.timer.Reset(left)
		}
	}
	return nil
}

// expired is called by the timer of h: perhaps for a deadline that has been moved since, whose own call is to come.
func (n *Conn) expired(h *half) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.due.IsZero() || time.Until(h.due) > 0 {
		return
	}
	h.late = true
	h.cond.Signal()
}

// refuses is why a call is not even tried, or nil.
func (n *Conn) refuses(h *half) error {
	switch {
	case n.closed:
		return n.why
	case h.late:
		return os.ErrDeadlineExceeded
	}
	return nil
}
