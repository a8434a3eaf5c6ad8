package stream_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// What other goroutines write counts against every limit there is, on the loop.
func TestAsyncWriteCountsAgainstLimits(t *testing.T) {
	message := make([]byte, 10_000)
	t.Run("Disconnect", func(t *testing.T) {
		r := newRig(t)
		_, c := r.pair()
		var ended error
		c.OnClose = func(_ *tcp.Conn, err error) { ended = err }
		r.no(c.SetQueueLimit(&stream.QueueLimit{Bytes: len(message) - 1}))
		r.no(c.AsyncWrite(message))
		r.until("OnClose", func() bool { return ended != nil })
		r.is(ended, stream.ErrQueueLimit)
		r.is(c.AsyncWrite(message), net.ErrClosed)
	})
	t.Run("PauseReads", func(t *testing.T) {
		r := newRig(t)
		_, c := r.pair()
		exceeded := 0
		r.no(c.SetQueueLimit(&stream.QueueLimit{Bytes: 100, Policy: stream.PauseReads, OnExceeded: func(*tcp.Conn) { exceeded++ }}))
		r.no(c.Post(func(c *tcp.Conn) { r.no(c.SetWriteBuffer(32 << 10)) }))
		for range 500 {
			r.no(c.AsyncWrite(message))
		}
		r.turns(3)
		r.equal("OnExceeded", exceeded, 1)
	})
	t.Run("Watermarks", func(t *testing.T) {
		r := newRig(t)
		peer, c := r.pair()
		r.no(peer.PauseRead())
		high, low := 0, 0
		r.no(c.SetWatermarks(&stream.Watermarks{High: mebibyte, OnHigh: func(*tcp.Conn) { high++ }, OnLow: func(*tcp.Conn) { low++ }}))
		for range 24 {
			r.no(c.AsyncWrite(make([]byte, mebibyte)))
		}
		r.turns(3)
		r.equal("OnHigh", high, 1)
		r.no(peer.ResumeRead())
		r.until("OnLow", func() bool { return low == 1 })
	})
	t.Run("the loop's", func(t *testing.T) {
		r := newRig(t)
		peer, c := r.pair()
		r.no(peer.PauseRead())
		var ended error
		c.OnClose = func(_ *tcp.Conn, err error) { ended = err }
		r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: mebibyte}))
		for ended == nil { // with a turn each, so that none waits long
			if err := c.AsyncWrite(make([]byte, mebibyte/2)); err != nil {
				r.is(err, net.ErrClosed)
			}
			r.turns(1)
		}
		r.is(ended, stream.ErrQueueLimit)
	})
}

// A loop that is late has no more waiting than its limit allows, if that disconnects: the caller is told
// at once, and nothing of the connection is lost but that.
func TestAsyncWriteBound(t *testing.T) {
	const limit, size = 100_000, 1000
	r := newRig(t)
	c, nc := r.peer(nil)
	other, _ := r.peer(nil)
	fill := func() (taken int) {
		for ; taken < 1000; taken++ {
			to := c
			if taken%2 == 1 { // all connections are meant
				to = other
			}
			if err := to.AsyncWrite(make([]byte, size)); err != nil {
				if !errors.Is(err, stream.ErrQueueLimit) {
					t.Error(err)
				}
				break
			}
		}
		return taken
	}
	r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: limit}))
	r.equal("taken", fill(), limit/size)
	r.is(c.AsyncWrite(make([]byte, 1)), stream.ErrQueueLimit)
	r.no(c.AsyncWrite(nil))
	r.no(c.Post(func(*tcp.Conn) {}))
	r.turns(1)
	r.equal("taken after a turn", fill(), limit/size)
	r.no(c.Post(func(c *tcp.Conn) { r.no(c.Close()) }))
	heard := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, nc)
		nc.Close()
		heard <- n
	}()
	r.until("it is closed", func() bool { return c.Buffered() == 0 && c.Closing() })
	r.equal("bytes heard", <-heard, int64(limit)) // half of two times that much
	for _, none := range []*stream.QueueLimit{
		{Bytes: limit, Policy: stream.Notify, OnExceeded: func(*tcp.Conn) {}}, {Bytes: limit, Policy: stream.PauseReads}, nil,
	} {
		r.no(stream.SetLoopLimit(r.lp, none))
		for range 2 * limit / size {
			r.no(other.AsyncWrite(make([]byte, size)))
		}
		r.turns(1)
	}
}
