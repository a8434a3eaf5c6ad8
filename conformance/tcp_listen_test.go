package conformance

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

var _ = add(
	line{id: "S10", name: "addrinuse listen", run: onStreams(addrInUse)},
	line{id: "S11", name: "addrnotavail", run: onStreams(addrNotAvail)},
	line{id: "S12", name: "bind invalid", run: onStreams(bindInvalid)},
	line{id: "S13", name: "writable flags of a listener", run: onStreams(listenerFlags)},
	line{id: "S14", name: "listen after close", run: onStreams(listenAfterClose)},
	line{id: "S45", name: "reuseport", needs: realSystem, run: reusePort},
	line{id: "S50", name: "multiple listen", run: onStreams(multipleListen)},
	line{id: "S51", name: "getsockname", run: onStreams(socketNames)},
	line{id: "S52", name: "socket buffer size", run: onStreams(bufferSizes)},
)

// pike binds and listens in one call, so that the address is taken at once; in
// libuv the second bind succeeds and its listen fails.
func addrInUse(s *streams) {
	ln := s.listen(anyPort4, nil, nil)
	second, err := tcp.Listen(s.lp, ln.LocalAddr().String(), nil)
	s.is(err, syscall.EADDRINUSE)
	s.equal("a second listener", second == nil, true)
	s.no(ln.Close())
	s.end()
	s.equal("close callbacks", s.closed, 1)
}

func addrNotAvail(s *streams) {
	ln, err := tcp.Listen(s.lp, "127.255.255.255:0", nil)
	if err == nil {
		s.no(ln.Close())
	} else {
		s.is(err, syscall.EADDRNOTAVAIL)
	}
	_, err = tcp.Listen(s.lp, "4.4.4.4:0", nil)
	s.is(err, syscall.EADDRNOTAVAIL)
	s.end()
}

// A second bind cannot be written down here.
func bindInvalid(s *streams) {
	for _, garbage := range []string{"", "garbage", "127.0.0.1", "127.0.0.1:99999", "[::1"} {
		_, err := tcp.Listen(s.lp, garbage, nil)
		var op *net.OpError
		if !errors.As(err, &op) {
			s.Errorf("%q: %v", garbage, err)
		}
	}
	_, err := tcp.Listen(s.lp, anyPort4, &tcp.Options{V6Only: true})
	s.is(err, syscall.EINVAL)
	s.end()
}

// What libuv refuses at run time, a listener has no methods for.
func listenerFlags(s *streams) {
	var ln any = s.listen(anyPort4, nil, nil)
	if _, ok := ln.(io.Writer); ok {
		s.Error("a listener can be written to")
	}
	if _, ok := ln.(interface{ CloseWrite() error }); ok {
		s.Error("a listener can be shut down")
	}
	if _, ok := ln.(interface{ ResumeRead() error }); ok {
		s.Error("a listener can be read from")
	}
	s.no(ln.(*tcp.Listener).Close())
	s.end()
}

// libuv answers EINVAL; here every closed thing answers net.ErrClosed.
func listenAfterClose(s *streams) {
	ln := s.listen(anyPort4, nil, nil)
	s.no(ln.Close())
	for range 2 {
		s.is(ln.SetBacklog(5), net.ErrClosed)
		s.is(ln.Pause(), net.ErrClosed)
		s.is(ln.Resume(), net.ErrClosed)
		s.is(ln.Close(), net.ErrClosed)
		s.end()
	}
	s.equal("close callbacks", s.closed, 1)
	s.no(s.lp.Close())
	_, err := tcp.Listen(s.lp, anyPort4, nil)
	s.is(err, net.ErrClosed)
}

// Two loops on two goroutines. Which of them gets a connection is the system's
// dice: all ten for one happen once in 512 rounds, eight rounds of that never.
func reusePort(e *env) {
	const clients = 10
	for range 8 {
		a, b := reusePortRound(e, clients)
		e.equal("sum", a+b, int32(clients))
		if a > 0 && b > 0 {
			return
		}
	}
	e.Error("one loop got everything eight times")
}

func reusePortRound(e *env, clients int) (a, b int32) {
	o := &tcp.Options{ReusePort: true}
	var counts [2]atomic.Int32
	var loops [2]*loop.Loop
	var addr netip.AddrPort
	for i := range loops {
		loops[i] = e.loop()
		where := anyPort4
		if addr.IsValid() {
			where = addr.String()
		}
		ln, err := tcp.Listen(loops[i], where, o)
		if errors.Is(err, errors.ErrUnsupported) {
			e.Skip("this system does not spread connections: ", err)
		}
		e.no(err)
		addr = ln.LocalAddr().AddrPort
		ln.OnAccept = func(c *tcp.Conn) {
			if counts[i].Add(1)+counts[1-i].Load() == int32(clients) {
				loops[0].Stop()
				loops[1].Stop()
			}
		}
	}
	var wg sync.WaitGroup
	for _, lp := range loops {
		passed := e.guard(lp)
		wg.Go(func() {
			if err := lp.Run(); err != nil {
				e.Error(err)
			}
		})
		defer passed()
	}
	for range clients {
		nc, err := net.DialTimeout("tcp", addr.String(), patience)
		e.no(err)
		defer nc.Close()
	}
	wg.Wait()
	return counts[0].Load(), counts[1].Load()
}

// libuv's second listen changes the backlog, which is SetBacklog here.
func multipleListen(s *streams) {
	accepted, made := 0, 0
	ln := s.listen(anyPort4, &tcp.Options{Backlog: 1}, func(c *tcp.Conn) { accepted++ })
	s.no(ln.SetBacklog(128))
	s.no(ln.SetBacklog(128))
	s.dial(ln, func(*tcp.Conn) { made++ })
	s.until("it still accepts", func() bool { return accepted == 1 && made == 1 })
}

// A listener has no peer to ask for: that it has none is no error here, but a
// method that is not there.
func socketNames(s *streams) {
	var accepted *tcp.Conn
	ln := s.listen("0.0.0.0:0", nil, func(c *tcp.Conn) { accepted = c })
	s.equal("the listener's address", ln.LocalAddr().Addr(), netip.IPv4Unspecified())
	s.equal("the listener has a port", ln.LocalAddr().Port() != 0, true)
	if _, ok := any(ln).(interface{ RemoteAddr() netip.AddrPort }); ok {
		s.Error("a listener has a peer")
	}
	made := false
	dialed, err := tcp.Dial(s.lp, at("127.0.0.1", ln), nil, func(_ *tcp.Conn, err error) {
		s.no(err)
		made = true
	})
	s.no(err)
	s.until("both ends are there", func() bool { return made && accepted != nil })
	s.equal("the server's end", accepted.LocalAddr(), dialed.RemoteAddr())
	s.equal("the client's end", dialed.LocalAddr(), accepted.RemoteAddr())
	s.equal("the server's port", accepted.LocalAddr().Port(), ln.LocalAddr().Port())
	s.equal("the address", accepted.LocalAddr().Addr(), netip.MustParseAddr("127.0.0.1"))
}

func bufferSizes(s *streams) {
	c, _ := s.pair(nil)
	u, err := udp.Listen(s.lp, anyPort4, nil)
	s.no(err)
	for name, b := range map[string]struct {
		set func(int) error
		get func() (int, error)
	}{
		"tcp receive": {c.SetReadBuffer, c.ReadBufferSize},
		"tcp send":    {c.SetWriteBuffer, c.WriteBufferSize},
		"udp receive": {u.SetReadBuffer, u.ReadBufferSize},
		"udp send":    {u.SetWriteBuffer, u.WriteBufferSize},
	} {
		s.Run(name, func(t *testing.T) {
			e := &env{T: t, backend: s.backend}
			n, err := b.get()
			e.no(err)
			e.equal("some at first", n > 0, true)
			e.no(b.set(10_000))
			n, err = b.get()
			e.no(err)
			if n != 10_000 && n != 20_000 { // Linux doubles it (socket(7))
				t.Errorf("%d after it was set to 10000", n)
			}
		})
	}
}
