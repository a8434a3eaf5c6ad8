package stream_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/tcp"
)

// Every method of a connection that returns an error.
var connMethods = map[string]func(c *tcp.Conn) error{
	"PauseRead":          (*tcp.Conn).PauseRead,
	"ResumeRead":         (*tcp.Conn).ResumeRead,
	"Unread":             func(c *tcp.Conn) error { return c.Unread(nil) },
	"Need":               func(c *tcp.Conn) error { return c.Need(1) },
	"SetReadLimit":       func(c *tcp.Conn) error { return c.SetReadLimit(0) },
	"Write":              func(c *tcp.Conn) error { _, err := c.Write([]byte("x")); return err },
	"large Write":        func(c *tcp.Conn) error { _, err := c.Write(make([]byte, 1<<20)); return err },
	"empty Write":        func(c *tcp.Conn) error { _, err := c.Write(nil); return err },
	"WriteString":        func(c *tcp.Conn) error { _, err := c.WriteString("x"); return err },
	"WriteBuffers":       func(c *tcp.Conn) error { return c.WriteBuffers([][]byte{{1}}, nil) },
	"SendFile":           func(c *tcp.Conn) error { return c.SendFile(os.Stdin, 0, 1, nil) },
	"CloseWrite":         (*tcp.Conn).CloseWrite,
	"Close":              (*tcp.Conn).Close,
	"CloseWithError":     func(c *tcp.Conn) error { return c.CloseWithError(os.ErrClosed) },
	"CloseNow":           (*tcp.Conn).CloseNow,
	"Abort":              (*tcp.Conn).Abort,
	"SetIdleTimeout":     func(c *tcp.Conn) error { return c.SetIdleTimeout(time.Second) },
	"SetReadTimeout":     func(c *tcp.Conn) error { return c.SetReadTimeout(time.Second) },
	"SetWriteTimeout":    func(c *tcp.Conn) error { return c.SetWriteTimeout(time.Second) },
	"SetReadDeadline":    func(c *tcp.Conn) error { return c.SetReadDeadline(time.Second) },
	"SetQueueLimit":      func(c *tcp.Conn) error { return c.SetQueueLimit(nil) },
	"SetWatermarks":      func(c *tcp.Conn) error { return c.SetWatermarks(nil) },
	"SetDrainTimeout":    func(c *tcp.Conn) error { return c.SetDrainTimeout(time.Second) },
	"NetConn":            func(c *tcp.Conn) error { _, err := c.NetConn(); return err },
	"SyscallConn":        func(c *tcp.Conn) error { _, err := c.SyscallConn(); return err },
	"SetNoDelay":         func(c *tcp.Conn) error { return c.SetNoDelay(true) },
	"NoDelay":            func(c *tcp.Conn) error { _, err := c.NoDelay(); return err },
	"SetKeepAlive":       func(c *tcp.Conn) error { return c.SetKeepAlive(true) },
	"KeepAlive":          func(c *tcp.Conn) error { _, err := c.KeepAlive(); return err },
	"SetKeepAlivePeriod": func(c *tcp.Conn) error { return c.SetKeepAlivePeriod(time.Second) },
	"SetUserTimeout":     func(c *tcp.Conn) error { return c.SetUserTimeout(time.Second) },
	"SetReadBuffer":      func(c *tcp.Conn) error { return c.SetReadBuffer(10_000) },
	"ReadBufferSize":     func(c *tcp.Conn) error { _, err := c.ReadBufferSize(); return err },
	"SetWriteBuffer":     func(c *tcp.Conn) error { return c.SetWriteBuffer(10_000) },
	"WriteBufferSize":    func(c *tcp.Conn) error { _, err := c.WriteBufferSize(); return err },
	"SetLinger":          func(c *tcp.Conn) error { return c.SetLinger(0) },
	"SetTTL":             func(c *tcp.Conn) error { return c.SetTTL(5) },
	"SetTrafficClass":    func(c *tcp.Conn) error { return c.SetTrafficClass(0) },
}

// What a closed connection is asked for is one documented error; nothing
// happens, now or later.
func TestUseAfterClose(t *testing.T) {
	ends := map[string]func(r *rig, peer, c *tcp.Conn){
		"Close": func(r *rig, _, c *tcp.Conn) { r.no(c.Close()) },
		"Abort": func(r *rig, _, c *tcp.Conn) { r.no(c.Abort()) },
		"the peer": func(r *rig, peer, c *tcp.Conn) {
			r.no(peer.Close())
			r.until("it ends", func() bool { return c.Closing() })
		},
		"NetConn":    func(r *rig, _, c *tcp.Conn) { r.netConn(c).Close() },
		"loop.Close": func(r *rig, _, c *tcp.Conn) { r.no(r.lp.Close()) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			peer, c := r.pair()
			closed := 0
			c.OnClose = func(*tcp.Conn, error) { closed++ }
			end(r, peer, c)
			use := func(when string) {
				for name, call := range connMethods {
					err := call(c)
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("%s %s: %v", name, when, err)
					}
					var op *net.OpError
					if !errors.As(err, &op) {
						t.Errorf("%s %s: %#v is no *net.OpError", name, when, err)
					}
				}
				r.equal("Buffered", c.Buffered(), 0)
				r.equal("Readable", c.Readable(), false)
				r.equal("Writable", c.Writable(), false)
				r.equal("Active", c.Active(), false)
				r.equal("Closing", c.Closing(), true)
				c.Unref()
				c.Ref()
			}
			use("after " + name)
			if name != "loop.Close" {
				r.until("OnClose", func() bool { return closed > 0 })
				r.turns(3)
			}
			use("after OnClose")
			r.equal("OnClose", closed, 1)
			r.equal("LocalAddr", c.LocalAddr(), poller.Addr{})
		})
	}
}

// From Close on a connection is closed to its user, whatever it still has to do: every
// method says so in every stage of it, but for those that end it sooner, and how long it
// may take.
func TestUseInEachStageOfClosing(t *testing.T) {
	may := map[string]bool{"SetDrainTimeout": true, "CloseNow": true, "Abort": true}
	stages := map[string]func(r *rig, peer, c *tcp.Conn){
		"draining": func(r *rig, peer, c *tcp.Conn) {
			r.no(peer.PauseRead())
			c.Write(make([]byte, 64*mebibyte))
			r.no(c.Close())
			r.equal("Buffered", c.Buffered() > 0, true)
		},
		"lingering": func(r *rig, peer, c *tcp.Conn) {
			r.no(peer.PauseRead())
			c.Write(make([]byte, 64*mebibyte)) // more than its peer's system acknowledges unread
			r.no(c.Close())
			r.no(peer.ResumeRead())
			r.until("all is with the system", func() bool { return c.Buffered() == 0 })
			r.no(peer.PauseRead())
		},
		"half-closed": func(r *rig, peer, c *tcp.Conn) {
			peer.OnEOF = func(*tcp.Conn) {}
			r.no(c.CloseWrite())
			r.turns(2)
			r.no(c.Close())
		},
		"dialing": nil,
	}
	for stage, reach := range stages {
		t.Run(stage, func(t *testing.T) {
			r := newRig(t)
			var peer, c *tcp.Conn
			var kept syscall.RawConn
			if reach == nil {
				ln := r.listen(nil, nil)
				var err error
				c, err = tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
				r.no(err)
				r.no(c.Close())
				r.no(ln.Close())
			} else {
				peer, c = r.pair()
				var err error
				kept, err = c.SyscallConn()
				r.no(err)
				reach(r, peer, c)
			}
			for name, call := range connMethods {
				if may[name] {
					continue
				}
				err := call(c)
				var op *net.OpError
				if !errors.Is(err, net.ErrClosed) || !errors.As(err, &op) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if kept != nil {
				r.is(kept.Control(func(uintptr) { t.Error("a descriptor was given out") }), net.ErrClosed)
			}
			r.equal("Readable", c.Readable(), false)
			r.equal("Writable", c.Writable(), false)
			if c.CloseNow() == nil && peer != nil {
				peer.Close()
			}
			if peer != nil {
				peer.Abort()
			}
			r.run()
		})
	}
}

func TestArgumentsThatCannotBe(t *testing.T) {
	r := newRig(t)
	_, c := r.pair()
	for name, err := range map[string]error{
		"SetKeepAlivePeriod(0)":  c.SetKeepAlivePeriod(0),
		"SetKeepAlivePeriod(-1)": c.SetKeepAlivePeriod(-time.Second),
		"SetUserTimeout(-1)":     c.SetUserTimeout(-1),
		"SetUserTimeout(25 d)":   c.SetUserTimeout(25 * 24 * time.Hour),
		"SetLinger(1)":           c.SetLinger(1),
		"WriteBuffers(nil)":      c.WriteBuffers(nil, nil),
	} {
		if !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"SetTTL(0)":            c.SetTTL(0),
		"SetTTL(256)":          c.SetTTL(256),
		"SetTrafficClass(-1)":  c.SetTrafficClass(-1),
		"SetTrafficClass(256)": c.SetTrafficClass(256),
		"SetReadBuffer(-1)":    c.SetReadBuffer(-1),
		"SetWriteBuffer(-1)":   c.SetWriteBuffer(-1),
	} {
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.equal("Writable", c.Writable(), true)
}

func TestListenerAfterClose(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, nil)
	addr := ln.LocalAddr()
	closed := 0
	ln.OnClose = func() { closed++ }
	r.no(ln.Close())
	for range 2 {
		for name, err := range map[string]error{
			"Close": ln.Close(), "Pause": ln.Pause(), "Resume": ln.Resume(), "SetBacklog": ln.SetBacklog(5),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.run()
	}
	r.equal("OnClose", closed, 1)
	r.equal("Addr", ln.LocalAddr(), addr)
	rc, err := ln.SyscallConn()
	if err == nil {
		err = rc.Control(func(uintptr) { t.Error("a descriptor was given out") })
	}
	r.is(err, net.ErrClosed)
	r.no(r.lp.Close())
	_, err = tcp.Listen(r.lp, loopback, nil)
	r.is(err, net.ErrClosed)
}

func TestListenWrongAddress(t *testing.T) {
	r := newRig(t)
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:no such service", "[::1", "4.4.4.4:0"} {
		ln, err := tcp.Listen(r.lp, addr, nil)
		var op *net.OpError
		if ln != nil || !errors.As(err, &op) || op.Op != "listen" {
			t.Errorf("Listen on %q: %v, %v", addr, ln, err)
		}
	}
	_, err := tcp.Listen(r.lp, loopback, &tcp.Options{V6Only: true})
	r.is(err, syscall.EINVAL)
	r.run() // nothing is left of them
}
