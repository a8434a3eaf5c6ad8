package stream_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// beside runs fn on another goroutine while the loop runs, and ends the loop's Run after it. It
// reports what fn finds to be wrong.
func (r *rig) beside(fn func() error) {
	r.Helper()
	keep, err := r.lp.NewAsync(func() {})
	r.no(err)
	found := make(chan error, 1)
	go func() {
		found <- fn()
		r.lp.Stop()
	}()
	late := false
	g := r.guard(func() { late = true; r.lp.Stop() })
	r.no(r.lp.Run())
	if late {
		r.Fatalf("it still ran after %v", patience)
	}
	g.Stop()
	r.no(<-found)
	r.no(keep.Close())
}

// What each goroutine hands over comes in its order, whatever it is handed over by; and nothing
// of it is lost or mixed up.
func TestPostOrder(t *testing.T) {
	const writers, each = 6, 2000
	r := newRig(t)
	peer, c := r.pair()
	var next [writers]uint32 // message of each goroutine
	heard := 0
	done := make(chan struct{})
	var rest []byte
	peer.OnRead = func(_ *tcp.Conn, p []byte) {
		for rest = append(rest, p...); len(rest) >= 8; rest = rest[8:] {
			g, i := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
			if next[g] != i {
				t.Errorf("of goroutine %d message %d came when %d was next", g, i, next[g])
			}
			next[g]++
			if heard++; heard == writers*each {
				close(done)
			}
		}
	}
	hand := func(g, i uint32) error {
		message := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, g), i)
		switch i % 3 {
		case 0:
			return c.Post(func(got *tcp.Conn) { got.Write(message) })
		case 1:
			defer clear(message) // of which there is a copy
			return c.AsyncWrite(message)
		default:
			return r.lp.Post(func() { c.Write(message) })
		}
	}
	r.beside(func() error {
		for g := range uint32(writers) {
			go func() {
				for i := range uint32(each) {
					if err := hand(g, i); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		<-done
		return nil
	})
}

// A wakes counts how often its poller is woken.
type wakes struct {
	*counter
	n     atomic.Int64
	woken int64 // n when all was handed over
}

func (p *wakes) Wake() error {
	p.n.Add(1)
	return p.counter.Wake()
}

// What other goroutines write while the loop is busy, or while it sleeps, is one system call, and the
// loop is woken once.
func TestAsyncWritesAreOneSend(t *testing.T) {
	if testLayerCount > 0 {
		t.Skip("a layer sends as it likes")
	}
	p := &wakes{counter: newCounter(t)}
	r := newRig(t, loop.Options{Poller: p})
	c, _ := r.pair()
	send := func() error {
		for i := range 100 {
			if err := c.AsyncWrite([]byte("a message of some bytes")); err != nil {
				return err
			}
			if i%10 == 0 { // what it writes goes with the rest
				if err := c.Post(func(c *tcp.Conn) { c.WriteString("more") }); err != nil {
					return err
				}
			}
		}
		p.woken = p.n.Load()
		return nil
	}
	sent := func(when string, wakes int64) {
		r.Helper()
		r.equal(when+": wake-ups", p.woken, wakes)
		r.equal(when+": sends", p.sends, 1)
		r.equal(when+": attempts", p.tries, 0)
		r.equal(when+": still queued", c.Buffered(), 0)
	}
	p.reset()
	p.n.Store(0)
	r.no(send()) // the loop does not run, and who waits for it on its descriptor is woken
	r.turns(1)
	sent("between turns", 1)
	r.beside(func() error {
		in, out := make(chan struct{}), make(chan struct{})
		if err := r.lp.Post(func() { close(in); <-out }); err != nil {
			return err
		}
		<-in
		p.reset()
		p.n.Store(0)
		err := send()
		close(out)
		for range 2 { // turns
			over := make(chan struct{})
			r.lp.Post(func() { close(over) })
			<-over
		}
		return err
	})
	sent("busy", 0)
}

// Before Run, before a dial has connected, and on the loop's own goroutine they may be called
// as well.
func TestAsyncWriteAnyTime(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		got := ""
		ln := r.listen(nil, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if got += string(p); got == "1234" {
					r.no(c.Post(func(c *tcp.Conn) { r.no(c.Close()) }))
				}
			}
		})
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			r.no(err)
			r.no(c.AsyncWrite([]byte("3")))
			r.no(c.AsyncWrite(nil))
			c.OnRead = stream.Discard
			r.no(c.Post(func(c *tcp.Conn) { c.WriteString("4") }))
		})
		r.no(err)
		r.no(c.AsyncWrite([]byte("1")))
		r.no(c.Post(func(c *tcp.Conn) {
			c.WriteString("2")
			r.equal("dialing", c.LocalAddr(), poller.Addr{})
		}))
		c.OnClose = func(*tcp.Conn, error) { r.no(ln.Close()) }
		r.run()
		r.equal("what arrived", got, "1234")
	})
}

// Pieces of every size arrive as they were, those that are pooled and those that are not.
func TestAsyncWriteOfAllSizes(t *testing.T) {
	r := newRig(t)
	c, nc := r.peer(nil)
	var want pattern
	total := 0
	sizes := []int{1, 63, 64, 65, 127, 128, 1 << 10, 1<<14 - 1, 1 << 14, 1<<16 + 1, 1 << 20, 1<<20 + 1, 3 << 20, 1}
	for _, n := range sizes {
		total += n
	}
	r.beside(func() error {
		failed := make(chan error, 1)
		go func() {
			for range 2 { // the second time with memory that the first has used
				for _, n := range sizes {
					if err := c.AsyncWrite(want.next(n)); err != nil {
						failed <- err
						return
					}
				}
			}
			failed <- nil
		}()
		b := make([]byte, 2*total)
		_, err := io.ReadFull(nc, b)
		var got pattern
		return errors.Join(err, <-failed, got.check(b))
	})
}

// A Shutdown lets other goroutines answer while connections may finish.
func TestPostDuringShutdown(t *testing.T) {
	r := newRig(t)
	c, nc := r.peer(nil)
	var report loop.ShutdownReport
	r.no(r.lp.Shutdown(context.Background(), patience, func(s loop.ShutdownReport) { report = s }))
	r.turns(2)
	r.equal("shutting down", r.lp.ShuttingDown(), true)
	answered := make(chan error, 1)
	go func() {
		time.Sleep(time.Millisecond)
		answered <- errors.Join(c.AsyncWrite([]byte("the last word")), c.Post(func(c *tcp.Conn) { c.Close() }))
	}()
	heard := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(nc)
		nc.Close()
		heard <- string(b)
	}()
	r.run()
	r.no(<-answered)
	r.equal("what arrived", <-heard, "the last word")
	r.equal("ended in time", report.Finished, 1)
	r.gone("afterwards", c)
}
