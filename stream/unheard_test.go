package stream_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// OnRead is set some time after the connection is there, by a function that calls nothing
// else: all that has arrived, and what follows, is read.
func TestOnReadSetLate(t *testing.T) {
	late := func(r *rig, crowd int) {
		const text = "all of this has arrived before anybody reads"
		got, closed := map[*tcp.Conn]string{}, 0
		take := func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { got[c] += string(p) }
		}
		var accepted []*tcp.Conn
		ln := r.listen(nil, func(c *tcp.Conn) {
			accepted = append(accepted, c)
			c.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF); closed++ }
		})
		for range crowd {
			c := r.dial(ln, nil)
			c.WriteString(text[:10])
		}
		r.until("all are accepted", func() bool { return len(accepted) == crowd })
		r.rest(5 * time.Millisecond)
		r.equal("read by nobody", len(got), 0)
		r.no(r.lp.Post(func() {
			for _, c := range accepted {
				take(c)
			}
		}))
		r.until("it is read", func() bool { return len(got) == crowd })
		for _, h := range r.conns() {
			if got[h] == "" && !h.Closing() {
				h.WriteString(text[10:])
				r.no(h.Close())
			}
		}
		r.until("all have ended", func() bool { return closed == crowd })
		for _, s := range got {
			r.equal("read", s, text)
		}
		r.no(ln.Close())
		r.run()
	}
	worlds(t, func(r *rig) { late(r, 1) })
	t.Run("a crowd", func(t *testing.T) { late(newRig(t), 200) }) // more than are looked at in every turn
}

// conns are the connections on the loop.
func (r *rig) conns() (cs []*tcp.Conn) {
	r.lp.Walk(func(h loop.Handle) {
		if c, ok := h.(*tcp.Conn); ok {
			cs = append(cs, c)
		}
	})
	return cs
}

// Whoever has an OnEOF and no OnRead hears of the end behind what has arrived, which is
// kept for an OnRead that comes later, be it after the end. Of more than is kept the rest
// stays with the system, and so the end waits.
func TestEndWithoutOnRead(t *testing.T) {
	for _, size := range []int{7, 60_000, 1 << 20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			worlds(t, func(r *rig) {
				var c *tcp.Conn
				var sent, got pattern
				ends, closed := 0, false
				ln := r.listen(nil, func(a *tcp.Conn) {
					c = a
					c.OnEOF = func(*tcp.Conn) { ends++ }
					c.OnClose = func(_ *tcp.Conn, err error) { r.no(err); closed = true }
				})
				d := r.dial(ln, nil)
				d.Write(sent.next(size))
				r.no(d.CloseWrite())
				kept := size <= 60_000
				if kept {
					r.until("the end is heard of", func() bool { return ends == 1 })
				} else {
					r.until("something is accepted", func() bool { return c != nil })
					r.rest(50 * time.Millisecond)
					r.equal("ends heard of", ends, 0)
				}
				c.OnRead = func(_ *tcp.Conn, p []byte) {
					r.no(got.check(p))
				}
				r.until("all is read, and the end", func() bool { return got.at == size && ends == 1 })
				r.equal("still writable", c.Writable(), true)
				r.no(c.Close())
				r.until("it is closed", func() bool { return closed })
			})
		})
	}
}

// OnRead is taken away and set again, in the middle of things: nothing is lost, and the
// end comes behind it.
func TestOnReadTakenAway(t *testing.T) {
	worlds(t, func(r *rig) {
		peer, c := r.pair()
		var sent, got pattern
		ended, away := false, 0
		var read func(c *tcp.Conn, p []byte)
		read = func(c *tcp.Conn, p []byte) {
			r.no(got.check(p))
			if away++; away%2 == 0 {
				c.OnRead = nil
				r.after(time.Millisecond, func() { c.OnRead = read })
			} else { // gone when the next arrives, which the loop has by then
				r.after(0, func() { c.OnRead = nil })
				r.after(3*time.Millisecond, func() { c.OnRead = read })
			}
		}
		c.OnRead = read
		c.OnClose = func(_ *tcp.Conn, err error) { r.is(err, io.EOF); ended = true }
		for range 8 {
			peer.Write(sent.next(100_000))
		}
		r.no(peer.Close())
		r.until("it has ended", func() bool { return ended })
		r.equal("read", got.at, sent.at)
		r.run()
	})
}

func TestOnReadOfAColdConnection(t *testing.T) {
	r := newRig(t)
	var all []*tcp.Conn
	var others []net.Conn
	ln := r.listen(nil, func(c *tcp.Conn) { all = append(all, c) })
	for range 70 {
		nc, err := net.Dial("tcp", ln.LocalAddr().String())
		r.no(err)
		defer nc.Close()
		others = append(others, nc)
		r.until("it is accepted", func() bool { return len(all) == len(others) })
	}
	others[0].Write([]byte("x"))
	// quiet until the tick is over
	heard := false
	// the tick comes 250 ms after the last turn but one or so; a callback that is late makes both due
	r.lp.Post(func() {})
	r.turns(3)
	r.after(280*time.Millisecond, func() { all[0].OnRead = func(*tcp.Conn, []byte) { heard = true } })
	time.Sleep(300 * time.Millisecond) // the loop is late: the tick is due
	go func() { time.Sleep(2 * time.Second); r.lp.Stop() }()
	r.no(r.lp.Run())
	r.equal("heard", heard, true)
}

// Of a burst of connections that are gone before anybody has read what they sent, nothing stays.
func TestGoneUnreadGivesBackMemory(t *testing.T) {
	r := newSimRig(t)
	const burst = 1000
	var last *tcp.Conn
	closed := 0
	ln := r.listen(nil, func(c *tcp.Conn) {
		last = c
		c.OnEOF = func(*tcp.Conn) {}
		c.OnClose = func(*tcp.Conn, error) { closed++ }
	})
	for range burst {
		c := r.dial(ln, nil)
		c.WriteString("x")
		r.after(10*time.Millisecond, func() { c.Abort() })
	}
	r.until("all are gone", func() bool { return closed == burst })
	if n := stream.Alone(last); n > 64 {
		t.Errorf("there is room for %d", n)
	}
}
