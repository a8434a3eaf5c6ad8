package stream_test

import (
	"io"
	"net"
	"testing"
	"time"

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

func TestJoinTakesWhatWasKept(t *testing.T) {
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

func TestOnReadThatGoesAtTheEnd(t *testing.T) {
	r := newRig(t)
	closed, eof := false, false
	c, nc := r.keeping(nil, func(c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) { eof = true }
		c.OnClose = func(*tcp.Conn, error) { closed = true }
	})
	nc.Write([]byte("hello"))
	nc.CloseWrite()
	r.until("eof", func() bool { return eof })
	r.no(c.PauseRead())
	c.OnRead = func(c *tcp.Conn, p []byte) { c.OnRead = nil }
	nc.SetLinger(0)
	nc.Close()
	r.rest(50 * time.Millisecond)
	r.no(c.ResumeRead())
	r.rest(100 * time.Millisecond)
	c.OnRead = stream.Discard
	r.rest(2 * time.Second)
	r.equal("closed", closed, true)
}

func TestBothEndsWithSomethingKept(t *testing.T) {
	r := newRig(t)
	got := ""
	eof, closed := false, false
	c, nc := r.keeping(nil, func(c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) { eof = true; c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) } }
		c.OnClose = func(*tcp.Conn, error) { closed = true }
	})
	r.no(c.CloseWrite())
	r.rest(20 * time.Millisecond)
	nc.Write([]byte("hello"))
	nc.CloseWrite()
	r.until("closed", func() bool { return closed })
	t.Log(eof)
	r.equal("got", got, "hello")
}

// nobody ever reads
func TestBothEndsAndNobodyReads(t *testing.T) {
	r := newRig(t)
	closed := false
	c, nc := r.keeping(nil, func(c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
		c.OnClose = func(*tcp.Conn, error) { closed = true }
	})
	_ = c
	nc.Write([]byte("hello"))
	nc.CloseWrite()
	r.until("closed", func() bool { return closed })
}

func TestJoinTakesWhatWasKeptWhilePaused(t *testing.T) {
	r := newRig(t)
	eof, done := false, false
	a, na := r.keeping(nil, func(c *tcp.Conn) { c.OnEOF = func(*tcp.Conn) { eof = true } })
	b, nb := r.peer(nil)
	na.Write([]byte("hello"))
	na.CloseWrite()
	r.until("eof", func() bool { return eof })
	r.no(a.PauseRead())
	r.no(stream.Join(a, b, func(p stream.Joined) { done = true; t.Log(p) }))
	nb.CloseWrite()
	r.rest(200 * time.Millisecond)
	p, err := io.ReadAll(nb)
	r.no(err)
	r.equal("got", string(p), "hello")
	r.rest(1 * time.Second)
	r.equal("done", done, true)
}
