package stream_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// OnWrite of the flush behind OnRead starts a layer: what was unread goes to the layer, and to nobody else.
func TestStartLayerInOnWriteUnread(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, server := r.pair()
		ready, got := false, ""
		d := reads(server, func(c *tcp.Conn, p []byte) {
			if ready {
				got += string(p)
				return
			}
			if string(p) == "ab" {
				c.Unread(p)
				return
			}
			c.Unread(p[3:])
			c.WriteString("go")
		})
		server.OnWrite = func(c *tcp.Conn) {
			c.OnWrite = nil
			r.no(c.StartLayer(layer.Identity{}, func(c *tcp.Conn, err error) { r.no(err); ready = true },
				&stream.LayerOptions{Early: true}))
		}
		r.write(peer, d, "ab")
		r.write(peer, d, "cXY")
		r.until("ready", func() bool { return ready })
		r.rest(20 * time.Millisecond)
		r.equal("through the layer", got, "XY")
	})
}

// ResumeRead in OnWrite of the flush behind OnRead gives the new OnRead what is unread.
func TestResumeInOnWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for _, first := range []string{"", "ab"} {
			peer, server := r.pair()
			got := ""
			d := reads(server, func(c *tcp.Conn, p []byte) {
				c.Unread(p)
				if string(p) == first+"cXY" {
					c.WriteString("go")
				}
			})
			server.OnWrite = func(c *tcp.Conn) {
				c.OnRead = func(c *tcp.Conn, p []byte) { got += string(p) }
				r.no(c.ResumeRead())
			}
			if first != "" {
				r.write(peer, d, first)
			}
			r.write(peer, d, "cXY")
			r.rest(20 * time.Millisecond)
			r.equal("new OnRead after "+first, got, first+"cXY")
			peer.Abort()
			server.Abort()
		}
	})
}

// Join in OnWrite of the flush behind the last OnRead.
func TestJoinInOnWriteAtTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, server := r.pair()
		other, far := r.pair()
		got, ended := "", false
		far.OnRead = func(c *tcp.Conn, p []byte) { got += string(p) }
		far.OnEOF = func(c *tcp.Conn) { c.Close() }
		joinedDone := false
		server.OnRead = nil
		server.OnEOF = func(c *tcp.Conn) {
			ended = true
			c.OnRead = func(c *tcp.Conn, p []byte) {
				c.PauseRead()
				c.Unread(p[1:])
				c.WriteString("x")
			}
			c.OnWrite = func(c *tcp.Conn) {
				c.OnWrite = nil
				r.no(stream.Join(c, other, func(stream.Joined) { joinedDone = true }))
			}
			c.ResumeRead()
		}
		r.turns(2)
		peer.WriteString("abc")
		peer.CloseWrite()
		r.until("the end", func() bool { return ended })
		r.rest(30 * time.Millisecond)
		r.equal("passed on", got, "bc")
		peer.Close()
		r.until("join is over", func() bool { return joinedDone })
	})
}

// A reason with a loss of another connection is not counted as a loss of this one.
func TestForeignLoss(t *testing.T) {
	r := newSimRig(t)
	_, server := r.pair()
	server.OnRead = nil
	var reason error
	server.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	server.Write(make([]byte, 8<<20))
	r.turns(2)
	foreign := &stream.LossError{Unsent: 1 << 30, Err: io.ErrUnexpectedEOF}
	r.no(server.CloseWithError(foreign))
	server.Abort()
	r.until("closed", func() bool { return reason != nil })
	var l *stream.LossError
	if errors.As(reason, &l); l == nil || l.Unsent >= 1<<30 {
		t.Fatalf("loss %+v", l)
	}
}

// CloseWithError of a connection that is being dialed, with output.
func TestCloseWithErrorDialing(t *testing.T) {
	r := newSimRig(t)
	for _, own := range []bool{false, true} {
		ln := r.listen(nil, func(*tcp.Conn) {})
		var reason error
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		r.no(err)
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		c.WriteString("hello")
		if own {
			r.no(c.CloseWithError(io.ErrNoProgress))
		} else {
			r.no(c.Close())
		}
		r.until("closed", func() bool { return reason != nil })
		var l *stream.LossError
		if errors.As(reason, &l); l == nil || l.Unsent != 5 {
			t.Errorf("own %v: %v", own, reason)
		}
		ln.Close()
	}
}

// Need of an OnRead that was taken away and comes back after the end.
func TestNeedAfterEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, server := r.pair()
		closed := false
		d := reads(server, func(c *tcp.Conn, p []byte) { c.Unread(p); c.Need(100) })
		server.OnClose = func(*tcp.Conn, error) { closed = true }
		f := server.OnRead
		r.write(peer, d, "abc")
		server.OnRead = nil
		server.OnEOF = func(c *tcp.Conn) { c.OnRead = f; c.ResumeRead(); c.CloseWrite() }
		peer.CloseWrite()
		r.rest(30 * time.Millisecond)
		d.saw(r, "abc", "abc.")
		r.equal("closed", closed, true)
	})
}

// The last OnRead takes all and itself away: the end is told at once.
func TestEndAfterReaderLeaves(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, server := r.pair()
		d := reads(server, func(c *tcp.Conn, p []byte) {
			if c.Readable() {
				c.Unread(p)
			} else {
				c.OnRead = nil
			}
		})
		ended := false
		server.OnEOF = func(c *tcp.Conn) { ended = true }
		r.write(peer, d, "abc")
		peer.CloseWrite()
		r.rest(50 * time.Millisecond)
		r.equal("ended", ended, true)
	})
}

// A connection that was left alone twice is not closed in the middle of its output.
func TestLeftAloneTwice(t *testing.T) {
	r := newSimRig(t)
	peer, server := r.pair()
	d := reads(server, func(c *tcp.Conn, p []byte) {
		c.Unread(p)
		if !c.Readable() {
			c.OnRead = nil
		}
	})
	ended, closed := false, false
	server.OnClose = func(*tcp.Conn, error) { closed = true }
	r.write(peer, d, "abc")
	peer.CloseWrite()
	r.pass(100 * time.Millisecond)
	r.no(server.ResumeRead())
	server.OnEOF = func(c *tcp.Conn) { ended = true }
	r.until("the end", func() bool { return ended })
	r.pass(3 * time.Second)
	r.equal("closed by itself", closed, false)
}

// What was lost before CloseWithError is in its reason.
func TestCloseWithErrorAfterLoss(t *testing.T) {
	for _, own := range []bool{false, true} {
		r := newRig(t)
		peer, server := r.pair()
		peer.PauseRead()
		var reason error
		closed := false
		server.OnClose = func(_ *tcp.Conn, err error) { closed, reason = true, err }
		server.OnRead = func(c *tcp.Conn, p []byte) { c.Unread(p); c.PauseRead() }
		peer.WriteString("abc")
		r.rest(5 * time.Millisecond)
		server.Write(make([]byte, 16<<20))
		r.rest(5 * time.Millisecond)
		peer.Abort()
		r.until("sending has failed", func() bool { return closed || !server.Writable() })
		t.Log("own", own, "closed", closed, reason)
		if closed {
			t.Skip("told at once")
		}
		if own {
			r.no(server.CloseWithError(io.ErrNoProgress))
		} else {
			r.no(server.Close())
		}
		r.until("closed", func() bool { return closed })
		var l *stream.LossError
		if !errors.As(reason, &l) {
			t.Errorf("own %v: no loss: %v", own, reason)
		}
	}
}

// The peer's end, or its reset, waits behind unread input when Close comes, and the peer has not acknowledged all.
func TestClosePendingEnd(t *testing.T) {
	for _, reset := range []bool{false, true} {
		everywhere(t, func(t *testing.T, r *rig) {
			peer, server := r.pairOf(&tcp.Options{WriteBuffer: 1 << 20, DrainTimeout: 2 * time.Second}, &tcp.Options{ReadBuffer: 4 << 10})
			peer.PauseRead()
			step, closed := 0, false
			var reason error
			server.OnRead = func(c *tcp.Conn, p []byte) {
				c.Unread(p)
				if step++; !reset && c.Readable() { // the end is to come
					return
				}
				c.PauseRead()
			}
			server.OnClose = func(_ *tcp.Conn, err error) { closed, reason = true, err }
			server.Write(make([]byte, 200<<10))
			peer.WriteString("abc")
			r.until("read", func() bool { return step > 0 })
			r.rest(20 * time.Millisecond)
			if reset {
				peer.Abort()
			} else {
				peer.CloseWrite()
				r.until("last", func() bool { return step > 1 })
			}
			r.rest(20 * time.Millisecond)
			r.equal("closed", closed, false)
			server.Close()
			r.until("closed", func() bool { return closed })
			var l *stream.LossError
			lost := errors.As(reason, &l) || !tellsAcknowledged && errors.Is(reason, syscall.ECONNRESET)
			if reset != lost || errors.Is(reason, os.ErrDeadlineExceeded) { // which would be DrainTimeout's
				t.Errorf("reset %v: the reason is %v", reset, reason)
			}
		})
	}
}

// What the last OnRead leaves unread is kept for one that OnEOF sets, as Conn.OnEOF says.
func TestKeptForOnEOF(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, server := r.pair()
		d := reads(server, func(c *tcp.Conn, p []byte) {
			if c.Unread(p); !c.Readable() {
				c.OnRead = nil
			}
		})
		got, ended := "", false
		server.OnEOF = func(c *tcp.Conn) {
			ended = true
			c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
			c.ResumeRead()
		}
		r.write(peer, d, "abc")
		peer.CloseWrite()
		r.until("the end", func() bool { return ended })
		r.rest(20 * time.Millisecond)
		r.equal("kept", got, "abc")
	})
}

// A file of no bytes that is sent while a connection is dialed is no loss.
func TestEmptyFileDialing(t *testing.T) {
	r := newSimRig(t)
	ln := r.listen(nil, func(*tcp.Conn) {})
	c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	r.no(err)
	closed := false
	var reason error
	c.OnClose = func(_ *tcp.Conn, err error) { closed, reason = true, err }
	r.no(c.SendFile(r.whole(10), 0, 0, nil))
	c.Close()
	r.until("closed", func() bool { return closed })
	r.equal("reason", reason, nil)
}
