package stream_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

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
