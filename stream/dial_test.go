package stream_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A dialLog is what has been called back for a dial.
type dialLog struct {
	calls  int
	err    error
	closed int
	reason error
	conn   *tcp.Conn
}

// tell is the function given to Dial.
func (d *dialLog) tell(c *tcp.Conn, err error) {
	d.calls++
	d.err, d.conn = err, c
	c.OnClose = func(_ *tcp.Conn, err error) {
		d.closed++
		d.reason = err
	}
}

// failed checks that the dial has ended in one callback with an error, and then
// in OnClose with the same.
func (d *dialLog) failed(r *rig, want error) {
	r.Helper()
	r.equal("callbacks", d.calls, 1)
	r.is(d.err, want)
	r.equal("OnClose", d.closed, 1)
	if d.reason != d.err {
		r.Errorf("OnClose told %v, the dial %v", d.reason, d.err)
	}
	var op *net.OpError
	if !errors.As(d.err, &op) || op.Op != "dial" || op.Net != "tcp" || op.Addr == nil {
		r.Errorf("%#v is not the error of a dial, with its address", d.err)
	}
}

// deaf is the address of a listener that does not answer: it accepts nothing and
// its backlog is full, so that the system drops who knocks.
func (r *rig) deaf() string {
	r.Helper()
	ln := r.listen(&tcp.Options{Backlog: 1}, nil)
	r.no(ln.Pause())
	answered := 0
	for range 4 {
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) { answered++ })
		r.no(err)
		c.Unref()
	}
	for before := -1; before < answered; { // until it says no more
		before = answered
		r.rest(20 * time.Millisecond)
	}
	if answered == 4 { // on BSDs by a reset
		r.Skip("this system answers although the backlog is full")
	}
	return ln.LocalAddr().String()
}

// refused is an address where nobody listens. Its port is below those that systems give
// out: one that was had and given back may be another process's the next moment.
func (r *rig) refused() string { return "127.0.0.1:1" }

// ownPort is an address of this machine to dial from. Its port is none that systems give
// out (FreeBSD begins at 10,000), so that nobody else takes it meanwhile.
func (r *rig) ownPort() netip.AddrPort {
	r.Helper()
	for range 1000 {
		ap := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(2000+rand.IntN(8000)))
		if l, err := net.Listen("tcp", ap.String()); err == nil {
			l.Close()
			return ap
		}
	}
	r.Fatal("no port between 2,000 and 10,000 is free")
	return netip.AddrPort{}
}

func TestDialRefused(t *testing.T) {
	r := newRig(t)
	var d dialLog
	c, err := tcp.Dial(r.lp, r.refused(), nil, d.tell)
	r.no(err)
	r.equal("callbacks from inside Dial", d.calls, 0)
	r.run()
	d.failed(r, syscall.ECONNREFUSED)
	r.equal("the connection", d.conn, c)
	r.is(c.Close(), net.ErrClosed)
}

func TestDialTimesOut(t *testing.T) {
	r := newRig(t)
	addr := r.deaf()
	var d dialLog
	began := r.lp.UpdateNow()
	_, err := tcp.Dial(r.lp, addr, &tcp.Options{Timeout: 30 * time.Millisecond}, d.tell)
	r.no(err)
	r.until("it is closed", func() bool { return d.closed > 0 })
	d.failed(r, os.ErrDeadlineExceeded)
	if took := r.lp.Now().Sub(began); took < 30*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if err := d.err.(*net.OpError); !err.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
}

// The timeout has nothing more to say once the connection is made.
func TestDialTimeoutEndsWithTheDial(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, func(*tcp.Conn) {})
	c := r.dial(ln, &tcp.Options{Timeout: 10 * time.Millisecond})
	r.rest(30 * time.Millisecond)
	r.equal("Writable", c.Writable(), true)
}

func TestDialWrongAddress(t *testing.T) {
	r := newRig(t)
	never := func(_ *tcp.Conn, err error) { t.Errorf("called back with %v", err) }
	for _, addr := range []string{"", "127.0.0.1", "[::1:80", "::1:80", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:no such service"} {
		c, err := tcp.Dial(r.lp, addr, nil, never)
		if c != nil || err == nil {
			t.Errorf("Dial %q: %v, %v", addr, c, err)
		}
	}
	_, err := tcp.Dial(r.lp, "127.0.0.1:80", nil, nil)
	r.is(err, os.ErrInvalid)
	r.run() // nothing is left of them
	r.no(r.lp.Close())
	_, err = tcp.Dial(r.lp, "127.0.0.1:80", nil, never)
	r.is(err, net.ErrClosed)
}

// Addresses that only the system can refuse are errors of the callback.
func TestDialAddressThatCannotBe(t *testing.T) {
	for name, o := range map[string]struct {
		addr  string
		local string
	}{
		"an address that is not ours": {"127.0.0.1:80", "192.0.2.77:0"},
		"another family":              {"127.0.0.1:80", "[::1]:0"},
		"no such zone":                {"[fe80::1%nosuch]:80", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var d dialLog
			opts := &tcp.Options{}
			if o.local != "" {
				opts.LocalAddr = netip.MustParseAddrPort(o.local)
			}
			_, err := tcp.Dial(r.lp, o.addr, opts, d.tell)
			r.no(err)
			r.run()
			d.failed(r, d.err)
			if d.err == nil {
				t.Error("it was dialed")
			}
		})
	}
}

// resolver answers names without asking anyone, after gate is closed.
type resolver struct {
	ips  []string
	err  error
	gate chan struct{}
}

func (v *resolver) LookupNetIP(ctx context.Context, network, host string) (ips []netip.Addr, err error) {
	if v.gate != nil {
		select {
		case <-v.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for _, ip := range v.ips {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	return ips, v.err
}

func TestDialNameNotFound(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", Name: "nobody.invalid", IsNotFound: true}
	for name, v := range map[string]*resolver{"not found": {err: notFound}, "no addresses": {}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, loop.Options{Resolver: v})
			var d dialLog
			_, err := tcp.Dial(r.lp, "nobody.invalid:80", nil, d.tell)
			r.no(err)
			r.run()
			d.failed(r, d.err)
			var dns *net.DNSError
			if !errors.As(d.err, &dns) || !dns.IsNotFound {
				t.Errorf("%v does not say that the name was not found", d.err)
			}
		})
	}
}

// The system's own resolver, on a name that is in every table of hosts.
func TestDialLocalhost(t *testing.T) {
	needLocalhost(t)
	r := newRig(t)
	ln := r.listen(nil, nil)
	var d dialLog
	_, port, _ := net.SplitHostPort(ln.LocalAddr().String())
	_, err := tcp.Dial(r.lp, "localhost:"+port, nil, d.tell)
	r.no(err)
	r.until("it is called back", func() bool { return d.calls > 0 })
	r.no(d.err)
}

// Addresses are tried in order; the error tells of each.
func TestDialTriesEveryAddress(t *testing.T) {
	if p, err := net.Listen("tcp", "127.0.0.9:0"); err != nil {
		t.Skip("this system's loopback has one address, and no others refuse: ", err)
	} else {
		p.Close()
	}
	v := &resolver{ips: []string{"127.0.0.9", "::1", "127.0.0.1"}}
	r := newRig(t, loop.Options{Resolver: v})
	ln := r.listen(nil, nil)
	_, port, _ := net.SplitHostPort(ln.LocalAddr().String())
	var d dialLog
	_, err := tcp.Dial(r.lp, "three.test:"+port, nil, d.tell)
	r.no(err)
	r.until("it is called back", func() bool { return d.calls > 0 })
	r.no(d.err)
	r.equal("RemoteAddr", d.conn.RemoteAddr(), ln.LocalAddr())
	r.no(d.conn.Close())
	r.no(ln.Close())
	r.run()
	r.equal("OnClose", d.closed, 1)

	d = dialLog{}
	_, err = tcp.Dial(r.lp, "three.test:"+port, nil, d.tell)
	r.no(err)
	r.run()
	d.failed(r, syscall.ECONNREFUSED)
	first := "dial tcp three.test:" + port + ": 127.0.0.9:" + port + ": connect" // or connectex
	if text := d.err.Error(); !strings.HasPrefix(text, first) || strings.Count(text, ";") != 2 {
		t.Errorf("%q does not tell of three addresses, the first of them first", text)
	}
}

// A host that is not given, or unspecified, is this machine.
func TestDialThisMachine(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, nil)
	_, port, _ := net.SplitHostPort(ln.LocalAddr().String())
	for _, host := range []string{"", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"} {
		var d dialLog
		_, err := tcp.Dial(r.lp, host+":"+port, nil, d.tell)
		r.no(err)
		r.until("it is called back", func() bool { return d.calls > 0 })
		r.no(d.err)
		r.equal(host, d.conn.RemoteAddr(), ln.LocalAddr())
	}
}

// What is asked of a connection before there is one waits for it.
func TestUseBeforeConnected(t *testing.T) {
	r := newRig(t)
	var got []byte
	eof, lost := false, 0
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		c.OnEOF = func(c *tcp.Conn) {
			eof = true
			r.no(c.Close())
		}
	})
	c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) { r.no(err) })
	r.no(err)
	r.equal("Readable", c.Readable(), false)
	r.equal("Writable", c.Writable(), true)
	r.equal("LocalAddr", c.LocalAddr(), poller.Addr{})
	r.is(c.SetNoDelay(true), syscall.ENOTCONN)
	_, err = c.SyscallConn()
	r.is(err, syscall.ENOTCONN)
	_, err = c.NetConn()
	r.is(err, net.ErrClosed)
	r.no(c.PauseRead())
	r.no(c.ResumeRead())
	c.WriteString("one ")
	large := make([]byte, 100_000)
	c.Write(large)
	r.no(c.WriteBuffers([][]byte{[]byte(" three")}, func(err error) { r.no(err); lost++ }))
	r.equal("Buffered", c.Buffered(), 4+len(large)+6)
	r.no(c.CloseWrite())
	r.equal("Writable", c.Writable(), false)
	r.until("the end arrived", func() bool { return eof })
	r.equal("bytes", len(got), 4+len(large)+6)
	r.equal("done", lost, 1)

	r.no(ln.Close())
	var d dialLog
	c, err = tcp.Dial(r.lp, r.refused(), nil, d.tell)
	r.no(err)
	var order []string
	r.no(c.WriteBuffers([][]byte{[]byte("lost")}, func(err error) {
		r.is(err, syscall.ECONNREFUSED)
		r.equal("after the dial", d.calls, 1)
		order = append(order, "done")
	}))
	r.run()
	r.equal("done", len(order), 1)
	d.failed(r, syscall.ECONNREFUSED)
}

// CloseWrite of a connection that is being dialed, and has nothing queued, ends that side when the
// connection is made. What was asked for meanwhile does not keep the loop.
func TestDialAndCloseWriteAtOnce(t *testing.T) {
	marks := &stream.Watermarks{High: 2, Low: 1}
	for _, o := range []*tcp.Options{nil, {Watermarks: marks}, {Layer: hello}} {
		r := newSimRig(t)
		ends := 0
		var listens tcp.Options
		if o != nil {
			listens.Layer = o.Layer
		}
		ln := r.listen(&listens, func(c *tcp.Conn) {
			c.OnRead = stream.Discard
			c.OnEOF = func(c *tcp.Conn) {
				ends++
				r.no(c.Close())
			}
		})
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), o, func(_ *tcp.Conn, err error) { r.no(err) })
		r.no(err)
		c.OnEOF = func(*tcp.Conn) {}
		c.OnRead = stream.Discard
		c.OnClose = func(_ *tcp.Conn, err error) {
			r.no(err)
			ln.Close()
		}
		r.no(c.CloseWrite())
		r.run()
		r.equal("ends", ends, 1)
	}
}

// TCP connects a socket to itself where nobody listens on the very port it is
// dialed from (RFC 9293, 3.5); whoever dials means a server.
func TestDialDoesNotReachItself(t *testing.T) {
	r := newRig(t)
	addr := r.ownPort()
	var d dialLog
	_, err := tcp.Dial(r.lp, addr.String(), &tcp.Options{LocalAddr: addr}, d.tell)
	r.no(err)
	r.run()
	d.failed(r, syscall.ECONNREFUSED)
}

func TestDialFrom(t *testing.T) {
	r := newRig(t)
	var peer netip.AddrPort
	ln := r.listen(nil, func(c *tcp.Conn) { peer = c.RemoteAddr().AddrPort })
	local := r.ownPort()
	c := r.dial(ln, &tcp.Options{LocalAddr: local})
	r.equal("LocalAddr", c.LocalAddr().AddrPort, local)
	r.until("it is accepted", func() bool { return peer.IsValid() })
	r.equal("the server's RemoteAddr", peer, local)
}

// A deadline can be set and lifted before the connection is made, too.
func TestReadDeadlineWhileDialing(t *testing.T) {
	for _, lifted := range []bool{false, true} {
		r := newSimRig(t)
		ln := r.listen(nil, func(*tcp.Conn) {})
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err) })
		r.no(err)
		r.no(c.SetReadDeadline(10 * second))
		if lifted {
			r.no(c.SetReadDeadline(0))
		}
		w := r.watch(c)
		r.sleep(60 * second)
		r.equal("ended", w.ended, !lifted)
		if lifted {
			r.equal("memory for that", stream.Rare(c), false)
		} else {
			w.timedOut(r, "read", 10*second, 5*ms)
		}
	}
}

// an empty answer
func TestEmptyAnswerOfAResolver(t *testing.T) {
	r := newRig(t, loop.Options{Resolver: answers{}})
	told := false
	_, err := tcp.Dial(r.lp, "x.test:80", nil, func(_ *tcp.Conn, err error) { told = err != nil })
	r.no(err)
	r.until("told", func() bool { return told })
}
