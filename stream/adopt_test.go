package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// netPair is both ends of a connection of package net.
func netPair(r *rig) (a, b net.Conn) {
	r.Helper()
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	defer nl.Close()
	a, err = net.Dial("tcp", nl.Addr().String())
	r.no(err)
	b, err = nl.Accept()
	r.no(err)
	r.Cleanup(func() { a.Close(); b.Close() })
	a.SetDeadline(time.Now().Add(patience))
	return a, b
}

func (r *rig) adopt(nc net.Conn) *tcp.Conn {
	r.Helper()
	c, err := stream.AdoptConn(r.lp, nc)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend cannot adopt: ", err)
	}
	r.no(err)
	return c
}

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

func TestAdoptConn(t *testing.T) {
	r := newRig(t)
	a, b := netPair(r)
	remote := b.RemoteAddr().String()
	io.WriteString(a, "sent before; ")
	c := r.adopt(b)
	_, err := b.Write([]byte("x"))
	r.is(err, net.ErrClosed) // it is ours now
	r.equal("RemoteAddr", c.RemoteAddr().String(), remote)
	got, ended := "", false
	c.OnRead = func(c *tcp.Conn, p []byte) { got += string(p); c.Write(p) }
	c.OnClose = func(_ *tcp.Conn, err error) { ended = true; r.is(err, io.EOF) }
	r.turns(3)
	r.equal("read before ResumeRead", got, "")
	r.no(c.ResumeRead())
	io.WriteString(a, "sent after")
	r.until("it is read", func() bool { return got == "sent before; sent after" })
	r.turns(2)
	echo := make([]byte, len(got))
	_, err = io.ReadFull(a, echo)
	r.no(err)
	r.equal("echo", string(echo), got)
	r.no(a.Close())
	r.run()
	r.equal("ended", ended, true)
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

func TestAdoptListener(t *testing.T) {
	r := newRig(t)
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	addr := nl.Addr().String()
	ln, err := stream.AdoptListener(r.lp, nl)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this backend cannot adopt: ", err)
	}
	r.no(err)
	_, err = nl.Accept()
	r.is(err, net.ErrClosed)
	r.equal("Addr", ln.LocalAddr().String(), addr)
	got := ""
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) {
			got += string(p)
			r.no(c.Close())
			r.no(ln.Close())
		}
	}
	c := r.dial(ln, nil)
	c.WriteString("hello")
	r.run()
	r.equal("read", got, "hello")
}

// What cannot be adopted stays its owner's.
func TestAdoptRefused(t *testing.T) {
	r := newRig(t)
	pipe, far := net.Pipe()
	defer pipe.Close()
	defer far.Close()
	_, err := stream.AdoptConn(r.lp, pipe)
	r.is(err, errors.ErrUnsupported)
	if pollertest.Wine() != "" {
		t.Skip("package net opens no datagram sockets under Wine")
	}

	udp, err := net.Dial("udp", "127.0.0.1:9")
	r.no(err)
	defer udp.Close()
	_, err = stream.AdoptConn(r.lp, udp)
	if err == nil {
		t.Error("a datagram socket was adopted")
	}
	_, err = udp.Write([]byte("x"))
	r.no(err)

	a, b := netPair(r)
	r.no(b.Close())
	_, err = stream.AdoptConn(r.lp, b)
	r.is(err, net.ErrClosed)
	var op *net.OpError
	r.equal("an *net.OpError", errors.As(err, &op) && op.Op == "adopt", true)
	r.no(r.lp.Close())
	_, err = stream.AdoptConn(r.lp, a)
	r.is(err, net.ErrClosed)
	_, err = a.Write([]byte("x"))
	if errors.Is(err, net.ErrClosed) {
		t.Error("a connection that was not adopted was closed")
	}
}
