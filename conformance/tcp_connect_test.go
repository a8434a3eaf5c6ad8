package conformance

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"example.com/pike/tcp"
)

var _ = add(
	line{id: "S2", name: "ping pong", run: eachFamily(pingPong)},
	line{id: "S5", name: "close while connecting", run: onStreams(closeWhileConnecting)},
	line{id: "S6", name: "connect timeout", run: onStreams(connectTimeout)},
	line{id: "S7", name: "local connect timeout", run: eachFamily(localConnect)},
	line{id: "S16", name: "connect error", run: onStreams(connectError)},
	line{id: "S18", name: "write after connect", run: onStreams(writeAfterConnect)},
	line{id: "S20", name: "connection fail", run: onStreams(connectionFail)},
	line{id: "S21", name: "create socket early", run: onStreams(createEarly)},
)

// Plain and vectored. The pipes and socket pairs of libuv's test have no place
// in package tcp.
func pingPong(s *streams, anyPort string) {
	const pings = 1000
	ping := []byte("PING\n")
	for _, vectored := range []bool{false, true} {
		ln := s.listen(anyPort, nil, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			c.OnClose = func(_ *tcp.Conn, err error) {
				s.equal("the server's reason is EOF", err != nil && err.Error() == "EOF", true)
			}
		})
		write := func(c *tcp.Conn) {
			if vectored {
				s.no(c.WriteBuffers([][]byte{ping[:1], ping[1:]}, nil))
				return
			}
			c.Write(ping)
		}
		got, eofs, inDial := 0, 0, true
		var client *tcp.Conn
		client = s.dial(ln, func(c *tcp.Conn) {
			s.equal("called from inside Dial", inDial, false)
			s.equal("the connection", c, client)
			s.equal("Readable", c.Readable(), true)
			s.equal("Writable", c.Writable(), true)
			write(c)
		})
		inDial = false
		client.OnRead = func(c *tcp.Conn, p []byte) {
			for _, b := range p {
				s.equal("byte", b, ping[got%len(ping)])
				got++
				switch {
				case got == pings*len(ping):
					s.no(c.CloseWrite())
				case got%len(ping) == 0:
					write(c)
				}
			}
		}
		client.OnEOF = func(*tcp.Conn) {
			eofs++
			s.no(ln.Close())
		}
		client.OnClose = func(_ *tcp.Conn, err error) { s.no(err) }
		s.end()
		s.equal("bytes", got, pings*len(ping))
		s.equal("EOFs", eofs, 1)
	}
}

// A dialLog counts what is called back for a dial.
type dialLog struct {
	calls, closes int
	err           error
}

func (s *streams) dialTo(addr string, o *tcp.Options) (*tcp.Conn, *dialLog) {
	s.Helper()
	d := new(dialLog)
	c, err := tcp.Dial(s.lp, addr, o, func(_ *tcp.Conn, err error) {
		d.calls++
		d.err = err
		s.equal("before the close callback", d.closes, 0)
	})
	s.no(err)
	c.OnClose = func(*tcp.Conn, error) { d.closes++ }
	return c, d
}

func closeWhileConnecting(s *streams) {
	c, d := s.dialTo(s.deaf(), nil)
	s.in(time.Millisecond, func() { s.no(c.Close()) })
	s.until("it is closed", func() bool { return d.closes > 0 })
	s.equal("callbacks", d.calls, 1)
	s.is(d.err, net.ErrClosed)
	s.equal("close callbacks", d.closes, 1)
}

// By a timer of the user's, as in libuv, and by Options.Timeout, which it has not.
func connectTimeout(s *streams) {
	addr := s.deaf()
	c, d := s.dialTo(addr, nil)
	s.in(50*time.Millisecond, func() { s.no(c.Close()) })
	s.until("it is closed", func() bool { return d.closes > 0 })
	s.equal("callbacks", d.calls, 1)
	s.is(d.err, net.ErrClosed)

	_, d = s.dialTo(addr, &tcp.Options{Timeout: 50 * time.Millisecond})
	s.until("it is closed", func() bool { return d.closes > 0 })
	s.equal("callbacks", d.calls, 1)
	s.is(d.err, os.ErrDeadlineExceeded)
}

func localConnect(s *streams, anyPort string) {
	_, d := s.dialTo(s.refused(anyPort), nil)
	late := false
	s.in(time.Second, func() { late = true })
	s.until("the dial has failed", func() bool { return d.calls > 0 })
	s.equal("a second has passed", late, false)
	s.is(d.err, syscall.ECONNREFUSED)
	s.equal("as if it was closed", errors.Is(d.err, net.ErrClosed), false)
}

func connectError(s *streams) {
	for _, garbage := range []string{"", "garbage", "127.0.0.1", "127.0.0.1:99999", "[::1", "127.0.0.1:80:80"} {
		c, err := tcp.Dial(s.lp, garbage, nil, func(*tcp.Conn, error) { s.Errorf("%q was called back", garbage) })
		if err == nil || c != nil {
			s.Errorf("%q: %v, %v", garbage, c, err)
		}
	}
	s.end()
}

// What is queued behind a dial that fails is lost with it: first the dial tells,
// then the write. libuv cancels the write; here it is told why, the refusal.
func writeAfterConnect(s *streams) {
	c, d := s.dialTo(s.refused(anyPort4), nil)
	lost := 0
	s.no(c.WriteBuffers([][]byte{[]byte("queued")}, func(err error) {
		lost++
		s.is(err, syscall.ECONNREFUSED)
		s.equal("dial told before", d.calls, 1)
		s.equal("closed before", d.closes, 0)
	}))
	s.end()
	s.is(d.err, syscall.ECONNREFUSED)
	s.equal("write callbacks", lost, 1)
	s.equal("close callbacks", d.closes, 1)
}

// libuv leaves the handle open and inactive until its user closes it. Here a
// dial that failed closes by itself: there is nothing that could be done with it.
func connectionFail(s *streams) {
	c, d := s.dialTo(s.refused(anyPort4), nil)
	s.equal("Active while it is dialed", c.Active(), true)
	s.end()
	s.equal("callbacks", d.calls, 1)
	s.is(d.err, syscall.ECONNREFUSED)
	s.equal("Active", c.Active(), false)
	s.equal("Closing", c.Closing(), true)
	s.equal("close callbacks", d.closes, 1)
	s.is(c.Close(), net.ErrClosed)
	s.end()
	s.equal("close callbacks", d.closes, 1)
}

// pike has no socket without an address, and so no flags or family to get wrong
// and no handle to accept into twice: what is left is two addresses that do not go
// together. That is an error of the callback, since only opening the socket shows it.
func createEarly(s *streams) {
	refused := s.refused(anyPort4)
	for local, remote := range map[string]string{"[::1]:0": refused, "127.0.0.1:0": "[::1]:80"} {
		_, d := s.dialTo(remote, &tcp.Options{LocalAddr: netip.MustParseAddrPort(local)})
		s.end()
		s.equal("callbacks", d.calls, 1)
		s.equal("close callbacks", d.closes, 1)
		if d.err == nil || errors.Is(d.err, syscall.ECONNREFUSED) {
			s.Errorf("from %s to %s: %v", local, remote, d.err)
		}
	}
}
