package stream_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// gone checks that both answer net.ErrClosed, as package net's errors do.
func (r *rig) gone(when string, c *tcp.Conn) {
	r.Helper()
	for name, err := range map[string]error{
		"Post":             c.Post(func(*tcp.Conn) { r.Errorf("a function was called that was posted %s", when) }),
		"AsyncWrite":       c.AsyncWrite([]byte("late")),
		"empty AsyncWrite": c.AsyncWrite(nil),
	} {
		var op *net.OpError
		if !errors.Is(err, net.ErrClosed) || !errors.As(err, &op) {
			r.Errorf("%s %s: %v", name, when, err)
		}
	}
	if err := c.Post(nil); !errors.Is(err, os.ErrInvalid) {
		r.Errorf("Post of nothing %s: %v", when, err)
	}
}

// From when the connection begins to close until ever after the answer is net.ErrClosed, on
// whatever goroutine.
func TestPostToTheGone(t *testing.T) {
	ends := map[string]func(r *rig, peer, c *tcp.Conn){
		"Close":    func(r *rig, _, c *tcp.Conn) { r.no(c.Close()) },
		"CloseNow": func(r *rig, _, c *tcp.Conn) { r.no(c.CloseNow()) },
		"Abort":    func(r *rig, _, c *tcp.Conn) { r.no(c.Abort()) },
		"the peer": func(r *rig, peer, c *tcp.Conn) {
			r.no(peer.Close())
			r.until("it ends", func() bool { return c.Closing() })
		},
		"NetConn":    func(r *rig, _, c *tcp.Conn) { r.netConn(c).Close() },
		"loop.Close": func(r *rig, _, c *tcp.Conn) { r.no(r.lp.Close()) },
		"Shutdown": func(r *rig, _, c *tcp.Conn) {
			r.no(r.lp.Shutdown(context.Background(), 0, nil))
			r.no(r.lp.Run())
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			peer, c := r.pair()
			closed := make(chan struct{})
			c.OnClose = func(*tcp.Conn, error) { close(closed) }
			end(r, peer, c)
			r.gone("at once", c)
			if name != "loop.Close" {
				r.until("OnClose", func() bool {
					select {
					case <-closed:
						return true
					default:
						return false
					}
				})
			}
			elsewhere := make(chan struct{})
			go func() {
				defer close(elsewhere)
				<-closed
				r.gone("after OnClose", c)
			}()
			<-elsewhere
			if name != "loop.Close" {
				r.turns(3)
			}
		})
	}
}

// What was handed over before the connection began to close: functions are called until OnClose is,
// and never after it; bytes are dropped.
func TestPostedBeforeClose(t *testing.T) {
	t.Run("draining", func(t *testing.T) {
		r := newRig(t)
		peer, c := r.pair()
		r.no(peer.PauseRead())
		c.Write(make([]byte, 24*mebibyte)) // more than two systems take
		calls, ended := 0, error(nil)
		c.OnClose = func(_ *tcp.Conn, err error) { ended = err }
		r.no(c.Post(func(c *tcp.Conn) {
			calls++
			r.is(c.CloseWrite(), net.ErrClosed)
			r.no(c.Abort()) // which is for those who have waited enough
		}))
		r.no(c.AsyncWrite([]byte("too late")))
		r.no(c.Close())
		r.until("OnClose", func() bool { return ended != nil })
		r.equal("calls", calls, 1)
		r.is(ended, stream.ErrAborted)
	})
	t.Run("gone", func(t *testing.T) {
		r := newRig(t)
		_, c := r.pair()
		closed := false
		c.OnClose = func(*tcp.Conn, error) { closed = true }
		var again func()
		again = func() { // Posts, so that what comes behind them waits for the turn after OnClose
			if !closed {
				r.no(r.lp.Post(again))
			}
		}
		r.no(r.lp.Post(func() {
			r.no(c.Abort())
			for range 2000 {
				again()
			}
		}))
		for range 5000 {
			r.no(c.Post(func(*tcp.Conn) {
				if closed {
					t.Fatal("a function was called after OnClose")
				}
			}))
			r.no(c.AsyncWrite([]byte("too late")))
		}
		r.run()
		r.equal("closed", closed, true)
	})
	t.Run("the end of this side", func(t *testing.T) {
		r := newRig(t)
		peer, c := r.pair()
		got, end := "", false
		peer.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		peer.OnEOF = func(*tcp.Conn) { end = true }
		r.no(c.AsyncWrite([]byte("before")))
		r.no(c.Post(func(c *tcp.Conn) { r.no(c.CloseWrite()) }))
		r.no(c.AsyncWrite([]byte("after")))
		r.until("the end", func() bool { return end })
		r.equal("what arrived", got, "before")
	})
	t.Run("closed by Post", func(t *testing.T) {
		r := newRig(t)
		peer, c := r.pair()
		var got bytes.Buffer
		peer.OnRead = func(_ *tcp.Conn, p []byte) { got.Write(p) }
		message := bytes.Repeat([]byte("0123456789"), 300_000)
		r.no(c.AsyncWrite(message))
		r.no(c.Post(func(c *tcp.Conn) { r.no(c.Close()) }))
		r.run()
		if !bytes.Equal(got.Bytes(), message) {
			t.Errorf("%d bytes arrived of %d, or others", got.Len(), len(message))
		}
	})
}

// A connection that has another's descriptor, and perhaps its memory, gets nothing that was meant for
// that one.
func TestPostIsNotForTheNext(t *testing.T) {
	r := newRig(t)
	for range 50 {
		peer, c := r.pair()
		for range 10 {
			r.no(c.Post(func(got *tcp.Conn) { r.equal("the connection", got, c) }))
		}
		r.no(c.AsyncWrite([]byte("for the first")))
		r.no(errors.Join(c.Abort(), peer.Abort()))
		r.no(r.lp.Post(func() {}))
		next, other := r.pair()
		for _, c := range []*tcp.Conn{next, other} {
			c.OnRead = func(_ *tcp.Conn, p []byte) { t.Fatalf("another connection was sent %q", p) }
		}
		r.turns(5)
		r.no(errors.Join(next.Abort(), other.Abort()))
	}
	r.run()
}

// Goroutines go on until they are told that the connection has gone: nothing is called after
// OnClose, and nothing hangs. It is for the race detector too.
func TestPostWhileItCloses(t *testing.T) {
	rounds := 100
	if testing.Short() || checked {
		rounds = 20
	}
	r := newRig(t)
	for range rounds {
		_, c := r.pair()
		var over atomic.Bool
		c.OnClose = func(*tcp.Conn, error) { over.Store(true) }
		r.beside(func() error {
			var all sync.WaitGroup
			var taken, called atomic.Int64
			for range 3 {
				all.Go(func() {
					for i := 0; ; i++ {
						for taken.Load()-called.Load() > 300 && !over.Load() { // else more comes than the loop is done with
							runtime.Gosched()
						}
						told := over.Load()
						err := c.Post(func(*tcp.Conn) {
							called.Add(1)
							if over.Load() {
								t.Error("a function was called after OnClose")
							}
						})
						if err == nil {
							err = c.AsyncWrite([]byte("x"))
						}
						if err != nil {
							return
						}
						if taken.Add(1); told {
							t.Error("after OnClose both were taken")
						}
						if i == 50 {
							c.Post(func(c *tcp.Conn) { c.CloseNow() })
						}
					}
				})
			}
			all.Wait()
			if called.Load() > taken.Load()+3 {
				t.Errorf("%d calls of %d functions", called.Load(), taken.Load())
			}
			return nil
		})
		r.until("OnClose", over.Load)
	}
}
