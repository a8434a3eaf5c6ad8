package stream_test

import (
	"io"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

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

func TestDoneAfterFailedNetConn(t *testing.T) {
	r := newRig(t, loop.Options{Poller: dupPoller{newCounter(t)}})
	var a *tcp.Conn
	got, told := 0, 0
	var why error
	ln := r.listen(nil, func(c *tcp.Conn) {
		a = c
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
	})
	c := r.dial(ln, nil)
	r.until("acc", func() bool { return a != nil })
	c.Write(make([]byte, 3000))
	_, err := c.NetConn()
	t.Log(err)
	r.no(c.WriteBuffers([][]byte{[]byte("x")}, func(err error) { told++; why = err }))
	r.no(c.CloseNow())
	r.rest(50 * time.Millisecond)
	t.Log(got, told, why)
	if got == 3000 && why == nil {
		t.Error("told that all is sent")
	}
	_ = io.EOF
}
