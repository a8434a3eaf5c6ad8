package stream

import (
	"net"
	"sync/atomic"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Broadcast has p sent on all open connections of all loops of a group, or, if to is not nil, on those of which it
// returns true. to is called on the loop of each connection, at the same time as on other loops. p is shared by
// all of them and not copied, unless it is small, so that it must not change until done is called.
//
// done, if it is not nil, is called once, when nobody needs p any more: the system has taken it for the last
// connection, or that has ended. sent is for how many connections the system has taken all of it. It is called
// on one of the loops, or by Broadcast itself where no loop is left. If a loop is closed before it comes to
// this, done is not called.
//
// What was written on a connection before goes before p. A connection whose QueueLimit has no room for p does
// not get it, and a connection that moves to another loop in this moment may miss it, or get it twice.
//
// Any goroutine may call it. The error is os.ErrInvalid for a nil group or nothing to send, and net.ErrClosed when the
// group has ended; done is not called then.
func Broadcast(g *loop.Group, p []byte, to func(c *Conn) bool, done func(sent int)) error {
	failed := func(err error) error { return netop.Error("broadcast", "stream", poller.Addr{}, poller.Addr{}, err) }
	if g == nil || len(p) == 0 {
		return failed(errInvalid)
	}
	b := &broadcast{bufs: [1][]byte{p}, to: to, done: done}
	b.wrote = b.end // one for all connections
	b.left.Store(int64(g.Len()) + 1)
	posted := false
	for i := range g.Len() {
		lp := g.At(i)
		if lp.Post(func() { b.on(lp) }) == nil {
			posted = true
		} else {
			b.left.Add(-1)
		}
	}
	if !posted {
		return failed(net.ErrClosed)
	}
	b.release()
	return nil
}

// A broadcast is a call of Broadcast.
type broadcast struct {
	bufs  [1][]byte
	to    func(c *Conn) bool
	done  func(sent int)
	wrote func(error)
	left  atomic.Int64 // connections, loops and the call itself that need it still
	sent  atomic.Int64
}

// on writes to the connections of a loop.
func (b *broadcast) on(lp *loop.Loop) {
	defer b.release()
	lp.Walk(func(h loop.Handle) {
		c, ok := h.(*Conn)
		if !ok || c.life != open || !c.Writable() || b.to != nil && !b.to(c) {
			return
		}
		b.left.Add(1)
		if c.WriteBuffers(b.bufs[:], b.wrote) != nil {
			b.release()
		}
	})
}

func (b *broadcast) end(err error) {
	if err == nil {
		b.sent.Add(1)
	}
	b.release()
}

func (b *broadcast) release() {
	if b.left.Add(-1) == 0 && b.done != nil {
		b.done(int(b.sent.Load()))
	}
}
