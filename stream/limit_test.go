package stream_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

func TestQueueLimitDisconnects(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		reader, writer := r.stalled()
		var reason, seen error
		writer.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		reader.OnClose = func(_ *tcp.Conn, err error) { seen = err }
		limit := writer.Buffered() + 10_000
		r.no(writer.SetQueueLimit(&stream.QueueLimit{Bytes: limit}))
		n, err := writer.Write(make([]byte, 9_999))
		r.no(err)
		r.equal("taken", n, 9_999)
		var lost error
		r.no(writer.WriteBuffers([][]byte{{1}}, func(err error) { lost = err })) // to the byte
		r.equal("queued on the loop", stream.Queued(r.lp) >= limit, true)

		n, err = writer.Write([]byte{1})
		r.is(err, stream.ErrQueueLimit)
		r.equal("taken", n, 0)
		var op *net.OpError
		r.equal("names the operation", errors.As(err, &op) && op.Op == "write" && op.Addr != nil, true)
		r.equal("callbacks from inside Write", reason, nil)
		r.equal("queued on the loop", stream.Queued(r.lp), 0)
		_, err = writer.Write([]byte{1})
		r.is(err, net.ErrClosed)
		r.until("it is closed", func() bool { return reason != nil })
		r.is(reason, stream.ErrQueueLimit)
		r.is(lost, stream.ErrQueueLimit)
		r.no(reader.ResumeRead())
		r.until("the peer sees it", func() bool { return seen != nil })
		if !forgetsResets() {
			r.is(seen, syscall.ECONNRESET)
		}
		r.run()
	})
}

// What the system takes at once, and what goes out between callbacks, does not
// count: only what is queued.
func TestQueueLimitLeavesFastReadersAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		o := &tcp.Options{QueueLimit: &stream.QueueLimit{Bytes: 100_000}}
		client, server := r.pairOf(o, nil)
		got := 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		for i := 1; i <= 50; i++ {
			_, err := server.Write(make([]byte, 90_000))
			r.no(err)
			r.until("it has arrived", func() bool { return got == i*90_000 })
		}
		_, err := server.Write(make([]byte, 64*mebibyte))
		r.is(err, stream.ErrQueueLimit)
	})
}

func TestQueueLimitWhileDialing(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ln := r.listen(nil, func(*tcp.Conn) {})
		var d dialLog
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), &tcp.Options{QueueLimit: &stream.QueueLimit{Bytes: 10}}, d.tell)
		r.no(err)
		_, err = c.Write(make([]byte, 10))
		r.no(err)
		err = c.WriteBuffers([][]byte{{1}}, func(error) { t.Error("done is called for what was refused") })
		r.is(err, stream.ErrQueueLimit)
		r.until("it is closed", func() bool { return d.closed > 0 })
		r.is(d.err, net.ErrClosed)
		r.is(d.reason, stream.ErrQueueLimit)
		r.no(ln.Close())
		r.run()
	})
}

// A server that answers without looking is paused while its client does not read,
// and nothing is lost.
func TestQueueLimitPausesReads(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		told := 0
		limit := &stream.QueueLimit{Bytes: 100 << 10, Policy: stream.PauseReads, OnExceeded: func(*tcp.Conn) { told++ }}
		client, server := r.pairOf(&tcp.Options{QueueLimit: limit, WriteBuffer: 8 << 10}, &tcp.Options{ReadBuffer: 8 << 10})
		most, read := 0, 0
		server.OnRead = func(c *tcp.Conn, p []byte) {
			read += len(p)
			for range 4 { // four times what it gets
				c.Write(p)
			}
			most = max(most, c.Buffered())
		}
		const total = mebibyte
		r.no(client.PauseRead())
		client.Write(make([]byte, total))
		r.until("it is over the limit", func() bool { return told == 1 })
		r.rest(20 * time.Millisecond)
		before := read
		got := 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		r.no(server.ResumeRead()) // does not override the limit
		r.turns(3)
		if read == total || read > before {
			t.Errorf("the server has read %d bytes, and then %d", before, read)
		}
		r.no(client.ResumeRead())
		r.until("all came back", func() bool { return got == 4*total })
		if most > 100<<10+4*64<<10 {
			t.Errorf("%d bytes were queued", most)
		}
		if told < 2 {
			t.Errorf("OnExceeded was called %d times", told)
		}
		r.equal("queued on the loop", stream.Queued(r.lp), 0)
	})
}

func TestQueueLimitNotifies(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		reader, writer := r.stalled()
		told := 0
		r.no(writer.SetQueueLimit(&stream.QueueLimit{Bytes: 100 << 10, Policy: stream.Notify, OnExceeded: func(c *tcp.Conn) {
			r.equal("connection", c, writer)
			told++
		}}))
		for range 3 {
			_, err := writer.Write(make([]byte, 100<<10))
			r.no(err)
			r.equal("callbacks from inside Write", told > 1, false)
			r.turns(3)
			r.equal("OnExceeded", told, 1)
		}
		r.no(reader.ResumeRead())
		r.until("all is sent", func() bool { return writer.Buffered() == 0 })
		r.no(reader.PauseRead())
		writer.Write(make([]byte, 3*mebibyte))
		r.until("it is told again", func() bool { return told == 2 })
	})
}

// Under the loop's limit those go that have most queued, not those that write.
func TestLoopLimitDisconnectsTheLargest(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		const limit = 1 << 20
		r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: limit}))
		var writers []*tcp.Conn
		reasons := map[*tcp.Conn]error{}
		sizes := []int{200 << 10, 400 << 10, 100 << 10, 10}
		for _, n := range sizes {
			_, w := r.stalled()
			w.OnClose = func(c *tcp.Conn, err error) { reasons[c] = err }
			w.Write(make([]byte, n))
			writers = append(writers, w)
		}
		before := stream.Queued(r.lp)
		_, err := writers[3].Write(make([]byte, limit-before))
		r.no(err)
		r.turns(3)
		r.equal("closed", len(reasons), 0)
		_, err = writers[3].Write([]byte{1}) // too much, but another has more
		r.no(err)
		r.until("one is closed", func() bool { return len(reasons) > 0 })
		r.turns(3)
		r.equal("closed", len(reasons), 1)
		r.is(reasons[writers[1]], stream.ErrQueueLimit)

		_, err = writers[3].Write(make([]byte, limit)) // that is the largest now, itself
		r.is(err, stream.ErrQueueLimit)
		r.until("it is closed", func() bool { return len(reasons) > 1 })
		r.turns(3)
		r.equal("closed", len(reasons), 2)
		r.is(reasons[writers[3]], stream.ErrQueueLimit)

		_, err = writers[0].Write(make([]byte, 500<<10))
		r.no(err)
		_, err = writers[2].Write(make([]byte, 500<<10)) // not the largest, but too much
		r.no(err)
		r.until("the third is closed", func() bool { return len(reasons) > 2 })
		r.turns(3)
		r.equal("closed", len(reasons), 3)
		r.is(reasons[writers[0]], stream.ErrQueueLimit)
		if n := stream.Queued(r.lp); n > limit {
			t.Errorf("%d bytes are queued", n)
		}
		r.no(stream.SetLoopLimit(r.lp, nil))
		_, err = writers[2].Write(make([]byte, 2*limit))
		r.no(err)
	})
}

// Servers that answer without looking are paused together while their clients do
// not read, and nothing is lost.
func TestLoopLimitPausesReads(t *testing.T) {
	r := newRig(t)
	told, most := 0, 0
	r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 200 << 10, Policy: stream.PauseReads, OnExceeded: func(*tcp.Conn) { told++ }}))
	const clients, times, total = 4, 8, 400 << 10
	ended := make(chan error, clients)
	reading := make(chan struct{})
	for range clients {
		server, nc := r.peer(&tcp.Options{WriteBuffer: 64 << 10})
		nc.SetReadBuffer(64 << 10)
		server.OnRead = func(c *tcp.Conn, p []byte) {
			for range times {
				c.Write(p)
			}
			most = max(most, stream.Queued(r.lp))
		}
		go func() {
			nc.Write(make([]byte, total))
			nc.CloseWrite()
		}()
		go func() {
			<-reading
			n, err := io.Copy(io.Discard, nc)
			if err == nil && n != times*total {
				err = fmt.Errorf("%d bytes came back", n)
			}
			ended <- err
		}()
	}
	r.until("it is over the limit", func() bool { return told == 1 })
	r.rest(20 * time.Millisecond)
	close(reading)
	r.run()
	for range clients {
		r.no(<-ended)
	}
	if most > 200<<10+clients*times*64<<10 {
		t.Errorf("%d bytes were queued", most)
	}
	r.equal("queued", stream.Queued(r.lp), 0)
}

// A connection that ends while the loop's limit has it paused is forgotten, and
// the others go on.
func TestLoopLimitOutlivesItsConnections(t *testing.T) {
	r := newRig(t)
	over := 0
	limit := &stream.QueueLimit{Bytes: 50 << 10, Policy: stream.Notify, OnExceeded: func(*tcp.Conn) { over++ }}
	r.no(stream.SetLoopLimit(r.lp, limit))
	reader, writer := r.stalled()
	writer.Write(make([]byte, 100<<10))
	r.turns(3)
	r.equal("OnExceeded", over, 1)
	r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 50 << 10, Policy: stream.PauseReads}))
	other, echo := r.pair()
	got := 0
	echo.OnRead = func(c *tcp.Conn, p []byte) { got += len(p); c.Write(p) }
	other.WriteString("one") // paused after this
	r.until("it is read", func() bool { return got == 3 })
	other.WriteString("two")
	r.rest(5 * time.Millisecond)
	r.equal("read", got, 3)
	r.no(writer.Abort())
	r.until("the rest is read", func() bool { return got == 6 })
	r.no(reader.Abort())
	r.no(other.Close())
	r.run()
}

// Of the connections that the loop's limit has paused some end: the loop keeps
// none of them, and the others go on.
func TestLoopLimitForgetsWhatHasEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 50 << 10, Policy: stream.PauseReads}))
		_, writer := r.stalled()
		var clients, echoes []*tcp.Conn
		got := make([]int, 4)
		for i := range got {
			client, echo := r.pair()
			echo.OnRead = func(c *tcp.Conn, p []byte) { got[i] += len(p); c.Write(p) }
			clients, echoes = append(clients, client), append(echoes, echo)
		}
		writer.Write(make([]byte, 200<<10))
		for i, c := range clients {
			c.WriteString("x") // each is paused after this
			r.until("it is read", func() bool { return got[i] == 1 })
		}
		r.equal("paused", stream.HeldByLoop(r.lp), 9) // all who wrote while it is exceeded: clients and writer as well
		r.no(echoes[0].Abort())
		r.no(echoes[2].Close())
		r.until("they have ended", func() bool { return stream.HeldByLoop(r.lp) == 7 })
		for _, i := range []int{1, 3} {
			clients[i].WriteString("y")
		}
		r.turns(5)
		r.no(writer.Abort())
		r.until("the others go on", func() bool { return got[1] == 2 && got[3] == 2 })
		r.equal("paused", stream.HeldByLoop(r.lp), 0)
		r.equal("read of what has ended", got[0]+got[2], 2)
	})
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	r := newRig(t)
	a, _ := r.pair()
	for _, l := range []stream.QueueLimit{{}, {Bytes: -1}, {Bytes: 1, Policy: 9}, {Bytes: 1, Policy: stream.Notify}} {
		r.is(a.SetQueueLimit(&l), os.ErrInvalid)
		r.is(stream.SetLoopLimit(r.lp, &l), os.ErrInvalid)
		_, err := tcp.Listen(r.lp, loopback, &tcp.Options{QueueLimit: &l})
		r.is(err, os.ErrInvalid)
	}
	r.is(stream.SetLoopLimit(nil, nil), os.ErrInvalid)
	r.no(a.SetQueueLimit(&stream.QueueLimit{Bytes: 1}))
	r.no(a.SetQueueLimit(nil))
	_, err := a.Write(make([]byte, 1000))
	r.no(err)
	r.no(a.Close())
	r.is(a.SetQueueLimit(nil), net.ErrClosed)
}

// A Write that a limit refuses has sent nothing, whichever method it is and whichever limit:
// how much the system would have taken is no excuse.
func TestRefusedWriteSendsNothing(t *testing.T) {
	writes := map[string]func(c *tcp.Conn) error{
		"Write":        func(c *tcp.Conn) error { _, err := c.Write(make([]byte, mebibyte)); return err },
		"WriteString":  func(c *tcp.Conn) error { _, err := c.WriteString(strings.Repeat("x", mebibyte)); return err },
		"WriteBuffers": func(c *tcp.Conn) error { return c.WriteBuffers([][]byte{make([]byte, mebibyte)}, nil) },
	}
	limit := &stream.QueueLimit{Bytes: 1000}
	limits := map[string]func(r *rig, c *tcp.Conn){
		"of the connection": func(r *rig, c *tcp.Conn) { r.no(c.SetQueueLimit(limit)) },
		"of the loop":       func(r *rig, _ *tcp.Conn) { r.no(stream.SetLoopLimit(r.lp, limit)) },
	}
	for method, write := range writes {
		for whose, set := range limits {
			t.Run(method+" "+whose, func(t *testing.T) {
				everywhere(t, func(t *testing.T, r *rig) {
					peer, c := r.pair()
					got, ended := 0, false
					peer.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
					peer.OnClose = func(*tcp.Conn, error) { ended = true }
					var reason error
					c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
					set(r, c)
					r.is(write(c), stream.ErrQueueLimit)
					r.until("the peer is told", func() bool { return ended })
					r.run()
					r.equal("received of what was refused", got, 0)
					r.is(reason, stream.ErrQueueLimit)
				})
			})
		}
	}
}

// Under the policies that do not disconnect all of a Write is taken, at once or later.
func TestWritesBeyondALimitAreWhole(t *testing.T) {
	for _, l := range []*stream.QueueLimit{
		{Bytes: 1000, Policy: stream.PauseReads},
		{Bytes: 1000, Policy: stream.Notify, OnExceeded: func(*tcp.Conn) {}},
	} {
		everywhere(t, func(t *testing.T, r *rig) {
			peer, c := r.pair()
			var sent, got pattern
			peer.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }
			r.no(c.SetQueueLimit(l))
			for range 4 {
				n, err := c.Write(sent.next(mebibyte))
				r.no(err)
				r.equal("taken", n, mebibyte)
			}
			r.until("all is received", func() bool { return got.at == sent.at })
		})
	}
}
