package stream_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

func (r *rig) keeping(o *tcp.Options, set func(*tcp.Conn)) (c *tcp.Conn, nc *net.TCPConn) {
	r.Helper()
	ln := r.listen(o, func(a *tcp.Conn) { c = a; set(a) })
	d, err := net.DialTimeout("tcp", ln.LocalAddr().String(), patience)
	r.no(err)
	r.Cleanup(func() { d.Close() })
	r.until("accepted", func() bool { return c != nil })
	r.no(ln.Close())
	return c, d.(*net.TCPConn)
}

func TestKeptComesFirst(t *testing.T) {
	r := newRig(t)
	c, nc := r.keeping(nil, func(c *tcp.Conn) { c.OnEOF = func(*tcp.Conn) {} })
	nc.Write([]byte("1"))
	r.rest(50 * time.Millisecond)
	got := ""
	r.lp.Post(func() {
		nc.Write([]byte("2"))
		time.Sleep(20 * time.Millisecond)
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
	})
	r.until("both", func() bool { return len(got) == 2 })
	r.equal("got", got, "12")
}

func TestLostWhilePausedWithoutOnRead(t *testing.T) {
	r := newRig(t)
	closed := false
	c, nc := r.keeping(nil, func(c *tcp.Conn) {
		c.OnEOF = func(*tcp.Conn) {}
		c.OnClose = func(*tcp.Conn, error) { closed = true }
	})
	nc.Write([]byte("1"))
	r.rest(50 * time.Millisecond)
	r.no(c.PauseRead())
	nc.SetLinger(0)
	nc.Close()
	r.rest(800 * time.Millisecond)
	if closed {
		t.Log("closed while paused")
		return
	}
	r.no(c.ResumeRead())
	r.rest(2 * time.Second)
	r.equal("closed", closed, true)
}

func TestLostBySendingWhilePaused(t *testing.T) {
	r := newRig(t)
	closed := false
	c, nc := r.keeping(nil, func(c *tcp.Conn) {
		c.OnClose = func(*tcp.Conn, error) { closed = true }
	})
	nc.Write([]byte("1"))
	r.rest(50 * time.Millisecond)
	r.no(c.PauseRead())
	nc.SetLinger(0)
	nc.Close()
	r.rest(50 * time.Millisecond)
	c.Write([]byte("x"))
	r.rest(800 * time.Millisecond)
	if closed {
		t.Log("closed while paused")
		return
	}
	r.no(c.ResumeRead())
	r.rest(2 * time.Second)
	r.equal("closed", closed, true)
}

func TestPipeTakesWhatWasKept(t *testing.T) {
	r := newRig(t)
	eof := false
	a, na := r.keeping(nil, func(c *tcp.Conn) { c.OnEOF = func(*tcp.Conn) { eof = true } })
	b, nb := r.peer(nil)
	na.Write([]byte("hello"))
	na.CloseWrite()
	r.until("eof", func() bool { return eof })
	r.no(stream.Join(a, b, nil))
	nb.CloseWrite()
	r.rest(200 * time.Millisecond)
	p, err := io.ReadAll(nb)
	r.no(err)
	r.equal("got", string(p), "hello")
}

// control closes, panics
func TestControlClosesAndPanics(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, func(*tcp.Conn) {})
	addr := ln.LocalAddr().String()
	var c *tcp.Conn
	closed := false
	o := &tcp.Options{Control: func(string, string, syscall.RawConn) error { c.Close(); panic("x") }}
	c, err := tcp.Dial(r.lp, addr, o, func(*tcp.Conn, error) {})
	r.no(err)
	c.OnClose = func(*tcp.Conn, error) { closed = true }
	func() {
		defer func() { recover() }()
		r.lp.RunOnce()
	}()
	r.no(ln.Close())
	r.rest(200 * time.Millisecond)
	r.equal("closed", closed, true)
}

func TestCloseWithinControl(t *testing.T) {
	r := newRig(t)
	o := &tcp.Options{Control: func(string, string, syscall.RawConn) error { r.lp.Walk(func(h loop.Handle) { h.Close() }); return nil }}
	ln, err := tcp.Listen(r.lp, loopback, o)
	r.no(err)
	r.no(ln.Close())
}

type dupPoller struct{ *counter }
type dupStream struct{ poller.Stream }

func (s dupStream) Release() (uintptr, error)   { return 0, syscall.EMFILE }
func (s dupStream) Duplicate() (uintptr, error) { return 0, syscall.EMFILE }

func (p dupPoller) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s, err := p.counter.Poller.Dial(a, o, h)
	return dupStream{s}, err
}

func TestNetConnFailsInDone(t *testing.T) {
	r := newRig(t, loop.Options{Poller: dupPoller{newCounter(t)}})
	c, _ := r.pair()
	told := false
	r.no(c.WriteBuffers([][]byte{make([]byte, 1000)}, func(error) {
		_, err := c.NetConn()
		told = true
		if !errors.Is(err, syscall.EMFILE) {
			t.Error(err)
		}
	}))
	r.until("told", func() bool { return told })
	r.rest(50 * time.Millisecond)
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
