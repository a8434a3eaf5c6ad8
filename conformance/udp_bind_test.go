package conformance

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/udp"
)

// udpOn opens a socket for a line.
func udpOn(e *env, lp *loop.Loop, addr string, o *udp.Options) *udp.Conn {
	e.Helper()
	c, err := udp.Listen(lp, addr, o)
	e.no(err)
	return c
}

// udpTo opens a connected socket for a line.
func udpTo(e *env, lp *loop.Loop, peer netip.AddrPort) *udp.Conn {
	e.Helper()
	c, err := udp.Dial(lp, peer.String(), nil)
	e.no(err)
	return c
}

// udpRefused is an address where datagrams are refused: the socket that has its
// port takes them from one peer only, and keeps the system from giving the port
// to somebody who would take them.
func udpRefused(e *env, lp *loop.Loop, host string) netip.AddrPort {
	e.Helper()
	c := udpOn(e, lp, net.JoinHostPort(host, "0"), nil)
	c.Unref()
	at := c.LocalAddr()
	e.no(c.Connect(netip.AddrPortFrom(at.Addr(), 1)))
	return at
}

// udpCase is a part of a line.
func udpCase(e *env, name string, run func(e *env)) {
	e.Run(name, func(t *testing.T) { run(&env{T: t, backend: e.backend}) })
}

// udpIPv6 skips a line where the machine has no IPv6.
func udpIPv6(e *env, lp *loop.Loop) {
	c, err := udp.Listen(lp, "[::1]:0", nil)
	if err != nil {
		e.Skip("this machine has no IPv6: ", err)
	}
	c.Close()
}

var _ = add(
	line{id: "U1", name: "address in use at bind", run: func(e *env) {
		lp := e.loop()
		c := udpOn(e, lp, "127.0.0.1:0", nil)
		taken := c.LocalAddr().String()
		_, err := udp.Listen(lp, taken, nil)
		e.is(err, syscall.EADDRINUSE)
		_, err = udp.Listen(lp, taken, &udp.Options{ReuseAddr: true})
		e.is(err, syscall.EADDRINUSE) // both must agree to share
		c.Close()

		shared := &udp.Options{ReuseAddr: true}
		a := udpOn(e, lp, "127.0.0.1:0", shared)
		b := udpOn(e, lp, a.LocalAddr().String(), shared)
		e.equal("the address of the second", b.LocalAddr(), a.LocalAddr())
		a.Close()
		b.Close()
		e.run(lp)
	}},

	// libuv makes the socket first and finds the wrong family at bind. Here the
	// address makes the socket, so there is none of a wrong family; what is left
	// is an address that is none, and a local one of another family than the peer.
	line{id: "U3", name: "socket of the family of its address", run: func(e *env) {
		lp := e.loop()
		for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "[::1:7"} {
			_, err := udp.Listen(lp, addr, nil)
			var op *net.OpError
			if !errors.As(err, &op) {
				e.Errorf("Listen(%q): %v, want a *net.OpError", addr, err)
			}
		}
		_, err := lp.Maker().Poller().Bind(poller.Addr{}, nil, nil)
		e.is(err, syscall.EAFNOSUPPORT)
		_, err = udp.Listen(lp, "127.0.0.1:0", &udp.Options{V6Only: true})
		e.is(err, syscall.EINVAL)
		_, err = udp.Dial(lp, "[::1]:7", &udp.Options{LocalAddr: netip.MustParseAddrPort("127.0.0.1:0")})
		e.is(err, syscall.EAFNOSUPPORT)

		v4 := udpOn(e, lp, "127.0.0.1:0", nil)
		e.equal("IPv4", v4.LocalAddr().Addr().Is4(), true)
		e.is(v4.Connect(netip.MustParseAddrPort("[::1]:7")), syscall.EAFNOSUPPORT)
		e.equal("a peer after that", v4.RemoteAddr(), netip.AddrPort{})
		v4.Close()
		udpIPv6(e, lp)
		v6 := udpOn(e, lp, "[::1]:0", nil)
		e.equal("IPv6", v6.LocalAddr().Addr(), netip.IPv6Loopback())
		v6.Close()
		e.run(lp)
	}},

	// libuv binds at the first send; here Dial has bound already, and the answer
	// is the same address.
	line{id: "U24", name: "getsockname", run: func(e *env) {
		lp := e.loop()
		server := udpOn(e, lp, "127.0.0.1:0", nil)
		client := udpTo(e, lp, server.LocalAddr())
		bound := client.LocalAddr()
		e.equal("the host of a dialed socket", bound.Addr(), netip.MustParseAddr("127.0.0.1"))
		if bound.Port() == 0 {
			e.Error("a dialed socket has no port")
		}
		e.equal("its peer", client.RemoteAddr(), server.LocalAddr())

		sent, received := 0, 0
		server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
			received++
			e.equal("the sender", from, bound)
			e.equal("data", string(p), "PING")
			c.Close()
		}
		e.no(client.WriteBuffer([]byte("PING"), netip.AddrPort{}, func(err error) {
			e.no(err)
			sent++
			n, bytes := client.Buffered()
			e.equal("datagrams queued in done", n, 0)
			e.equal("bytes queued in done", bytes, 0)
			e.equal("the address after sending", client.LocalAddr(), bound)
			client.Close()
		}))
		n, bytes := client.Buffered()
		e.equal("datagrams queued", n, 1)
		e.equal("bytes queued", bytes, 4)
		e.run(lp)
		e.equal("sent", sent, 1)
		e.equal("received", received, 1)
	}},
)
