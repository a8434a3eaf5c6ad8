package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// netConn hands a connection over to package net.
func (r *rig) netConn(c *tcp.Conn) net.Conn {
	r.Helper()
	nc, err := c.NetConn()
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend gives no descriptor away: ", err)
	}
	r.no(err)
	return nc
}

// Out of the loop, through blocking code with deadlines, and back in: nothing
// of the stream is lost and the peer notices nothing.
func TestNetConnAndBack(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	var got pattern
	peer.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }
	var p pattern
	c.Write(p.next(100_000))
	r.until("it is sent", func() bool { return c.Buffered() == 0 })
	r.turns(2)

	calls := 0
	c.OnClose = func(_ *tcp.Conn, err error) { calls++; r.no(err) }
	local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
	nc := r.netConn(c)
	_, err := c.NetConn()
	r.is(err, net.ErrClosed)
	r.until("OnClose", func() bool { return calls == 1 })
	r.equal("LocalAddr", nc.LocalAddr().String(), local)
	r.equal("RemoteAddr", nc.RemoteAddr().String(), remote)
	nc.SetDeadline(time.Now().Add(5 * time.Millisecond))
	_, err = nc.Read(make([]byte, 1))
	r.is(err, os.ErrDeadlineExceeded)
	nc.SetDeadline(time.Now().Add(patience))
	_, err = nc.Write(p.next(1000))
	r.no(err)

	c = r.adopt(nc)
	c.Write(p.next(1000))
	r.no(c.Close())
	r.run()
	r.equal("bytes", got.at, p.at)
}

// In a callback, with more to read: that stays for whoever has the connection
// then.
func TestNetConnInOnRead(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	var p, got pattern
	var nc net.Conn
	c.OnRead = func(c *tcp.Conn, b []byte) {
		r.no(got.check(b))
		nc = r.netConn(c)
	}
	peer.Write(p.next(300_000))
	r.no(peer.Close())
	r.until("it is handed over", func() bool { return nc != nil })
	defer nc.Close()
	rest := make(chan []byte, 1)
	go func() {
		nc.SetDeadline(time.Now().Add(patience))
		b, err := io.ReadAll(nc)
		if err != nil {
			b = nil
		}
		rest <- b
	}()
	r.run()
	r.no(got.check(<-rest))
	r.equal("bytes", got.at, p.at)
}

// handsOver skips a test where no descriptor can be given away.
func (r *rig) handsOver() {
	if _, ok := r.lp.Maker().Poller().(poller.Adopter); !ok {
		r.Skip("this backend gives no descriptor away")
	}
}

// What is written goes first, as far as the system takes it at once, and so does an end.
func TestNetConnSendsFirst(t *testing.T) {
	for name, write := range map[string]func(r *rig, c *tcp.Conn) (want int){
		"a word": func(_ *rig, c *tcp.Conn) int { c.WriteString("+OK"); return 3 },
		"more than small": func(_ *rig, c *tcp.Conn) int {
			for range 10 {
				c.Write(make([]byte, 1000))
			}
			return 10_000
		},
		"buffers": func(r *rig, c *tcp.Conn) int {
			c.WriteString("abc")
			for range 100 {
				r.no(c.WriteBuffers([][]byte{make([]byte, 50), nil, make([]byte, 50)}, func(err error) { r.no(err) }))
			}
			c.WriteString("def")
			return 10_006
		},
		"an end": func(r *rig, c *tcp.Conn) int { c.WriteString("bye"); r.no(c.CloseWrite()); return 3 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.handsOver()
			var nc net.Conn
			want, got, closed, eof := 0, 0, 0, false
			ln := r.listen(nil, func(c *tcp.Conn) {
				c.OnClose = func(_ *tcp.Conn, err error) { r.no(err); closed++ }
				want = write(r, c)
				var err error
				nc, err = c.NetConn()
				r.no(err)
			})
			peer := r.dial(ln, nil)
			peer.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
			peer.OnEOF = func(p *tcp.Conn) { eof = true; p.Close() }
			r.until("all is received", func() bool { return got > 0 && got == want && closed == 1 })
			r.no(nc.Close())
			r.until("the end is received", func() bool { return eof })
			r.no(ln.Close())
			r.run()
			r.equal("queued", stream.Queued(r.lp), 0)
		})
	}
}

// What the system does not take is EBUSY, and the connection goes on as if nobody had asked.
func TestNetConnBusy(t *testing.T) {
	r := newRig(t)
	r.handsOver()
	peer, c := r.pair()
	var sent, got pattern
	r.no(peer.PauseRead())
	peer.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }
	done := 0
	for range 32 {
		c.Write(sent.next(1000))
		r.no(c.WriteBuffers([][]byte{sent.next(mebibyte)}, func(err error) { r.no(err); done++ }))
	}
	for range 3 {
		_, err := c.NetConn()
		r.is(err, syscall.EBUSY)
		r.equal("done inside NetConn", done, 0)
		r.equal("Buffered is what is queued", c.Buffered() < sent.at && c.Buffered() > 0, true)
		r.equal("Queued", stream.Queued(r.lp), c.Buffered())
	}
	r.no(peer.ResumeRead())
	r.until("all is received", func() bool { return got.at == sent.at })
	r.until("all is told", func() bool { return done == 32 })
	r.equal("Queued", stream.Queued(r.lp), 0)
	r.no(c.Close())
	r.run()
}

type dupPoller struct{ *counter }

type dupStream struct{ poller.Stream }

func (s dupStream) Release() (uintptr, error) { return 0, syscall.EMFILE }

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
