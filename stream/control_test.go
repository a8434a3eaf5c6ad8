package stream_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

type answers []netip.Addr

func (a answers) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return a, nil
}

// Control of first address refuses, second ok, fixed port; Control closes
func TestControlOfEachAddress(t *testing.T) {
	for mode := range 6 {
		two := answers{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}
		r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) {}, Resolver: two})
		ln := r.listen(nil, func(c *tcp.Conn) { c.OnEOF = nil })
		told, closed, calls := 0, 0, 0
		var c *tcp.Conn
		o := &tcp.Options{}
		if mode%2 == 1 {
			o.LocalAddr = r.ownPort()
			o.ReuseAddr = true
		}
		o.Control = func(_, a string, _ syscall.RawConn) error {
			calls++
			switch mode / 2 {
			case 0:
				if calls == 1 {
					return syscall.EPERM
				}
			case 1:
				if calls == 1 {
					panic("x")
				}
			case 2:
				if calls == 2 {
					c.Close()
					return errors.New("y")
				}
			}
			return nil
		}
		ap := netip.MustParseAddrPort(ln.LocalAddr().String())
		_, port, _ := splitPort(ap.String())
		var err error
		c, err = tcp.Dial(r.lp, "x.test:"+port, o, func(c *tcp.Conn, err error) {
			told++
			if err == nil {
				c.Close()
			}
		})
		r.no(err)
		c.OnClose = func(*tcp.Conn, error) { closed++ }
		r.until("closed", func() bool { return closed == 1 })
		ln.Close()
		r.rest(50 * time.Millisecond)
		if told != 1 || closed != 1 {
			t.Error(mode, told, closed, calls)
		}
		r.run()
	}
}

func splitPort(s string) (string, string, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ':' {
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
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

// Who closes all handles within Control meets a socket that is not there yet.
func TestCloseWithinControlOfDatagrams(t *testing.T) {
	r := newRig(t)
	o := &udp.Options{Control: func(string, string, syscall.RawConn) error {
		r.lp.Walk(func(h loop.Handle) { r.is(h.Close(), syscall.EBUSY) })
		return nil
	}}
	c, err := udp.Listen(r.lp, loopback, o)
	r.no(err)
	r.no(c.Close())
}

// Control sees each socket before it is bound and connects or listens.
func TestControl(t *testing.T) {
	r := newRig(t)
	type call struct{ network, address string }
	var calls []call
	var kept syscall.RawConn
	o := &tcp.Options{Control: func(network, address string, c syscall.RawConn) error {
		calls = append(calls, call{network, address})
		kept = c
		r.no(c.Control(func(fd uintptr) { r.equal("a descriptor", fd != ^uintptr(0), true) }))
		return nil
	}}
	ln, err := tcp.Listen(r.lp, loopback, o)
	r.no(err)
	r.equal("of Listen", calls[0], call{"tcp4", loopback})
	r.is(kept.Control(func(uintptr) {}), net.ErrClosed)
	got := ""
	ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) } }
	c := r.dial(ln, o)
	r.equal("of Dial", calls[1], call{"tcp4", ln.LocalAddr().String()})
	c.WriteString("hello")
	r.until("it is received", func() bool { return got == "hello" })
	r.equal("calls", len(calls), 2)
}

// An error of Control is that of the call, and of the attempt.
func TestControlRefuses(t *testing.T) {
	r := newRig(t)
	refusal := errors.New("not this one")
	o := &tcp.Options{Control: func(string, string, syscall.RawConn) error { return refusal }}
	_, err := tcp.Listen(r.lp, loopback, o)
	r.is(err, refusal)
	var op *net.OpError
	r.equal("an *net.OpError of listen", errors.As(err, &op) && op.Op == "listen", true)
	var told error
	_, err = tcp.Dial(r.lp, "127.0.0.1:1", o, func(_ *tcp.Conn, err error) { told = err })
	r.no(err)
	r.run()
	r.is(told, refusal)
}

// Whatever Control does to the connection, or the loop, each call ends once.
func TestControlThatEndsTheDial(t *testing.T) {
	for name, act := range map[string]func(r *rig, c *tcp.Conn){
		"Close":      func(_ *rig, c *tcp.Conn) { c.Close() },
		"Abort":      func(_ *rig, c *tcp.Conn) { c.Abort() },
		"panic":      func(*rig, *tcp.Conn) { panic("in Control") },
		"Loop.Close": func(r *rig, _ *tcp.Conn) { r.lp.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			panics := 0
			r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
			ends, closed := 0, 0
			var c *tcp.Conn
			c, err := tcp.Dial(r.lp, loopback[:len(loopback)-1]+"1", &tcp.Options{Control: func(string, string, syscall.RawConn) error {
				act(r, c)
				return nil
			}}, func(*tcp.Conn, error) { ends++ })
			r.no(err)
			c.OnClose = func(*tcp.Conn, error) { closed++ }
			if name == "Loop.Close" {
				r.lp.Run()
			} else {
				r.run()
			}
			r.equal("told", ends, 1)
			r.equal("closed", closed, 1)
			r.equal("panics", panics, flagOf(name == "panic"))
		})
	}
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}
