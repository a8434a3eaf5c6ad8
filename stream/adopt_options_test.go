package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// adoptListener adopts nl, or skips.
func (r *rig) adoptListener(nl net.Listener, o ...*tcp.Options) *tcp.Listener {
	r.Helper()
	ln, err := stream.AdoptListener(r.lp, nl, o...)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend cannot adopt: ", err)
	}
	r.no(err)
	return ln
}

// accepted is a connection that ln accepts.
func (r *rig) accepted(ln *tcp.Listener) *tcp.Conn {
	r.Helper()
	var c *tcp.Conn
	ln.OnAccept = func(accepted *tcp.Conn) { c = accepted }
	nc, err := net.Dial("tcp", ln.LocalAddr().String())
	r.no(err)
	r.Cleanup(func() { nc.Close() })
	r.until("it is accepted", func() bool { return c != nil })
	return c
}

// What an adopted listener accepts is as what one of Listen's does.
func TestAdoptedListenerHasTheOptionsOfListen(t *testing.T) {
	for name, o := range map[string]*tcp.Options{
		"defaults": nil,
		"others": {
			Delay: true, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 70 * time.Second, Interval: 20 * time.Second, Count: 4},
			MaxConns: 1, AcceptPolicy: stream.Refuse, ReadBuffer: 50_000,
		},
		"no keep-alive": {KeepAlive: -1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			nl, err := net.Listen("tcp", loopback)
			r.no(err)
			defer nl.Close()
			adopted := r.accepted(r.adoptListener(nl, o))
			ln, err := tcp.Listen(r.lp, loopback, o)
			r.no(err)
			own := r.accepted(ln)
			for what, get := range map[string]func(c *tcp.Conn) (any, error){
				"NoDelay":     func(c *tcp.Conn) (any, error) { return c.NoDelay() },
				"KeepAlive":   func(c *tcp.Conn) (any, error) { return c.KeepAlive() },
				"ReadBuffer":  func(c *tcp.Conn) (any, error) { return c.ReadBufferSize() },
				"WriteBuffer": func(c *tcp.Conn) (any, error) { return c.WriteBufferSize() },
			} {
				got, err := get(adopted)
				r.no(err)
				want, err := get(own)
				r.no(err)
				r.equal(what, got, want)
			}
		})
	}
}

func TestAdoptConnWithOptions(t *testing.T) {
	r := newRig(t)
	_, b := netPair(r)
	c, err := stream.AdoptConn(r.lp, b, &tcp.Options{Delay: true, KeepAlive: -1, IdleTimeout: 50 * time.Millisecond})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this backend cannot adopt: ", err)
	}
	r.no(err)
	on, err := c.NoDelay()
	r.no(err)
	r.equal("NoDelay", on, false)
	on, err = c.KeepAlive()
	r.no(err)
	r.equal("KeepAlive", on, false)
	var reason error
	c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	r.no(c.ResumeRead())
	r.run()
	r.is(reason, os.ErrDeadlineExceeded)

	_, b = netPair(r)
	r.no(b.(*net.TCPConn).SetNoDelay(false))
	on, err = r.adopt(b).NoDelay()
	r.no(err)
	r.equal("NoDelay, which was its owner's", on, false)
}

// A connection that comes with a time to linger does not block the loop when it
// closes, and loses nothing.
func TestAdoptedConnLingersNot(t *testing.T) {
	r := newRig(t)
	a, b := netPair(r)
	r.no(b.(*net.TCPConn).SetLinger(30))
	c := r.adopt(b)
	_, err := c.Write(make([]byte, 8<<20)) // more than the system takes
	r.no(err)
	sent := 8<<20 - c.Buffered()
	began := time.Now()
	var took time.Duration
	c.CloseNow()
	_, err = timer.After(r.lp, 0, func() { took = time.Since(began) })
	r.no(err)
	r.run()
	if took > 10*time.Second {
		t.Errorf("the loop was blocked for %v by close(2)", took)
	}
	n, err := io.Copy(io.Discard, a)
	r.no(err)
	r.equal("bytes the peer has got", int(n), sent)
}
