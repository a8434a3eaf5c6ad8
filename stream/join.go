package stream

import (
	"net"
	"os"
)

// What a Join queues for the slower side. Reading the faster one pauses at joinHigh, and one
// OnRead may bring joinRead more. It goes on when the queue is empty: the system's own buffer
// is full then, so that the slower side does not have to wait.
const (
	joinHigh = 64 << 10
	joinRead = 64 << 10 // the poller's buffer
)

// JoinMost is the most that a Join queues in each direction, in bytes.
const JoinMost = joinHigh + joinRead

// Joined is how a Join has ended.
type Joined struct {
	// AB and BA are the bytes that were read from a and written to b, and the
	// other way. After an error the last of them may not have arrived.
	AB, BA int64

	// Err is the reason of OnClose of the connection that ended first; nil where
	// both sides have ended in order.
	Err error
}

// Join passes on to b what arrives on a, and the other way: a proxy's work. The
// faster side is paused while the slower one has more than a little queued, so that
// memory is bounded by [JoinMost] in each direction. The end of one side is passed on
// after its last byte, and the other direction goes on (half-close); when both
// sides have ended both connections close. A reset or any other error of one resets
// the other. Close of one closes the other, output first; Abort aborts it.
//
// OnRead, OnEOF, OnWrite and OnClose of both belong to the join from now on, and
// so do PauseRead and ResumeRead; reading begins if it was paused. An OnClose that was
// set before is still called. Either may be a connection that is still being
// dialed: what arrives on the other waits for it, within the bound. done, which
// may be nil, is called once, when both have closed.
//
// There is no bound on time. A peer that reads nothing holds the other up for ever. While the
// other is paused its end is not seen, and neither is its reset if something is before that.
// WriteTimeout or IdleTimeout on both is the cure.
//
// Join belongs to the loop's goroutine. The error is os.ErrInvalid for connections that are
// nil, the same, of two loops or joined already, and net.ErrClosed for closed ones.
func Join(a, b *Conn, done func(Joined)) error {
	if a == nil || b == nil || a == b || a.Loop() != b.Loop() {
		return &net.OpError{Op: "join", Net: "stream", Err: os.ErrInvalid}
	}
	if err := a.lp().Check("stream.Join"); err != nil {
		return err
	}
	for _, c := range [2]*Conn{a, b} {
		if c.Closing() {
			return c.fail("join", net.ErrClosed)
		}
		if c.is(joined) {
			return c.fail("join", os.ErrInvalid)
		}
	}
	p := &join{done: done}
	p.ab = half{join: p, from: a, to: b, closed: a.OnClose}
	p.ba = half{join: p, from: b, to: a, closed: b.OnClose}
	p.ab.attach()
	p.ba.attach()
	p.ab.begin()
	p.ba.begin()
	return nil
}

// A join is two connections that pass on to each other.
type join struct {
	ab, ba half
	done   func(Joined)
	err    error
	ended  int // connections that have
}

// A half is one direction of a join, and the connection it comes from.
type half struct {
	join     *join
	from, to *Conn
	bytes    int64
	closed   func(*Conn, error) // the user's OnClose of from
}

func (h *half) attach() {
	h.from.marks |= joined
	h.from.OnRead, h.from.OnEOF, h.from.OnClose = h.read, h.eof, h.close
	h.to.OnWrite = h.written
}

// begin makes up for what happened before there was a join.
func (h *half) begin() {
	if h.from.is(readEnded) {
		if m := h.from.rare; h.from.keeps() && len(m.unread) > 0 {
			p := m.unread
			m.unread = p[len(p):] // an end may have come behind it
			h.from.countUnread()
			h.read(h.from, p)
			h.from.ResumeRead()
		}
		h.eof(h.from)
		return
	}
	h.from.ResumeRead()
}

func (h *half) read(from *Conn, p []byte) {
	if _, err := h.to.Write(p); err != nil {
		// to is about to tell why. What is read from here on has nobody to go to.
		from.PauseRead()
		return
	}
	h.bytes += int64(len(p))
	if h.to.Buffered() >= joinHigh {
		from.PauseRead()
	}
}

// written is when to has nothing queued any more.
func (h *half) written(*Conn) {
	if h.from.stops&stopByUser != 0 && !h.from.Closing() {
		h.from.ResumeRead()
	}
}

// eof passes the end on. If to cannot be written to any more, it has ended already, or is about
// to tell why.
func (h *half) eof(*Conn) { h.to.CloseWrite() }

// close ends the other connection in the way in which this one has ended.
func (h *half) close(from *Conn, err error) {
	p := h.join
	if p.ended++; p.ended == 1 {
		p.err = err
		h.end(err)
	}
	if h.closed != nil {
		from.call(func(from *Conn) { h.closed(from, err) })
	}
	if p.ended == 2 && p.done != nil {
		done := p.done
		p.done = nil
		done(Joined{p.ab.bytes, p.ba.bytes, p.err})
	}
}

func (h *half) end(err error) {
	to := h.to
	switch {
	case err != nil:
		to.Abort()
	case to.is(readEnded) && to.writes >= finDue: // both ways have ended in order: it closes when all is sent
	default:
		to.Close()
	}
}
