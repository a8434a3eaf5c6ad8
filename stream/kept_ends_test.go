package stream_test

import (
	"testing"
	"time"

	"example.com/pike/tcp"
)

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
