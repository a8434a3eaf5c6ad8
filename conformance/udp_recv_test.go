package conformance

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/pike/timer"
	"example.com/pike/udp"
)

var _ = add(
	line{id: "U8", name: "IPv6 and mapped IPv4", run: func(e *env) {
		udpIPv6(e, e.loop())
		udpCase(e, "dual stack", func(e *env) { udpMapped(e, nil, "from IPv4, from IPv6") })
		udpCase(e, "V6Only", func(e *env) { udpMapped(e, &udp.Options{V6Only: true}, "from IPv6") })
	}},

	// libuv ends the burst with a callback that says there is no more. Here
	// there is one callback for each datagram, and no other.
	line{id: "U13", name: "receive in a row", run: func(e *env) {
		lp := e.loop()
		server := udpOn(e, lp, "127.0.0.1:0", nil)
		client := udpOn(e, lp, "127.0.0.1:0", nil)
		e.no(server.PauseRead())
		checks, sent := 0, 0
		check, err := lp.NewCheck(func() { checks++ })
		e.no(err)
		check.Unref()

		var sizes []int
		server.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
			if sizes = append(sizes, len(p)); len(sizes) == 5 {
				e.equal("checks before the last datagram", checks, 0)
				client.Close()
				server.Close()
			}
		}
		for _, s := range []string{"0123456789", "0123456789", "0123456789", "0123456789", ""} {
			e.no(client.WriteBuffer([]byte(s), server.LocalAddr(), func(err error) {
				e.no(err)
				sent++
			}))
		}
		_, err = timer.After(lp, 10*time.Millisecond, func() {
			e.equal("sent", sent, 5)
			e.no(server.ResumeRead())
			e.no(check.Start())
		})
		e.no(err)
		e.run(lp)
		e.equal("datagrams", len(sizes), 5)
		total := 0
		for _, n := range sizes {
			total += n
		}
		e.equal("bytes", total, 40)
	}},

	line{id: "U14", name: "close with an error pending", run: func(e *env) {
		udpCase(e, "in the callback", udpCloseOnError)
		udpCase(e, "POLLERR while not reading does not spin", udpErrorUnread)
	}},

	// libuv drains the socket and its error queue by callbacks: an error, "would
	// block", "drained". Here the error is the only one of them that is told.
	line{id: "U15", name: "unreachable by RecvError", run: func(e *env) {
		udpCase(e, "IPv4", func(e *env) { udpUnreachable(e, "127.0.0.1") })
		udpCase(e, "IPv6", func(e *env) {
			udpIPv6(e, e.loop())
			udpUnreachable(e, "::1")
		})
	}},
)

// udpMapped sends to a wildcard socket over both families.
func udpMapped(e *env, o *udp.Options, want string) {
	lp := e.loop()
	server := udpOn(e, lp, "[::]:0", o)
	port := server.LocalAddr().Port()
	v4 := udpOn(e, lp, "127.0.0.1:0", nil)
	v6 := udpOn(e, lp, "[::1]:0", nil)
	var got []string
	server.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) {
		got = append(got, string(p))
		switch from { // the mapped address is shown as what it is: IPv4
		case v4.LocalAddr(), v6.LocalAddr():
		default:
			e.Errorf("from %v, want %v or %v", from, v4.LocalAddr(), v6.LocalAddr())
		}
		if string(p) == "from IPv6" {
			server.Close()
			v4.Close()
			v6.Close()
		}
	}
	_, err := v4.WriteTo([]byte("from IPv4"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
	e.no(err)
	_, err = timer.After(lp, 10*time.Millisecond, func() { // what is to arrive has arrived
		_, err := v6.WriteTo([]byte("from IPv6"), netip.AddrPortFrom(netip.IPv6Loopback(), port))
		e.no(err)
	})
	e.no(err)
	e.run(lp)
	e.equal("received", strings.Join(got, ", "), want)
}

// udpCloseOnError has both a datagram and a refusal wait for a socket, which
// closes in the callback for whichever comes first.
func udpCloseOnError(e *env) {
	lp := e.loop()
	server := udpOn(e, lp, "127.0.0.1:0", nil)
	client := udpTo(e, lp, server.LocalAddr())
	e.no(client.PauseRead())
	_, err := server.WriteTo([]byte("still on its way"), client.LocalAddr())
	e.no(err)
	server.Close() // sends it first

	callbacks, closed := 0, 0
	over := func() {
		if callbacks++; callbacks > 1 {
			e.Error("a callback after Close")
		}
		client.Close()
	}
	client.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { over() }
	client.OnError = func(_ *udp.Conn, err error) {
		e.is(err, syscall.ECONNREFUSED)
		over()
	}
	client.OnClose = func(*udp.Conn) { closed++ }
	server.OnClose = func(*udp.Conn) {
		_, err := client.Write([]byte("too late"))
		e.no(err)
		_, err = timer.After(lp, 10*time.Millisecond, func() { e.no(client.ResumeRead()) })
		e.no(err)
	}
	e.run(lp)
	e.equal("callbacks", callbacks, 1)
	e.equal("close callbacks", closed, 1)
}

// udpErrorUnread leaves an error with a socket that is not reading.
func udpErrorUnread(e *env) {
	lp := e.loop()
	client := udpTo(e, lp, udpRefused(e, lp, "127.0.0.1"))
	e.no(client.PauseRead())
	told := 0
	client.OnError = func(_ *udp.Conn, err error) {
		told++
		e.is(err, syscall.ECONNREFUSED)
		client.Close()
	}
	_, err := client.Write([]byte("to nobody"))
	e.no(err)
	_, err = timer.After(lp, 10*time.Millisecond, func() {
		turns := lp.Metrics().Turns
		_, err := timer.After(lp, 100*time.Millisecond, func() {
			if n := lp.Metrics().Turns - turns; n > 5 {
				e.Errorf("%d turns in 100 ms with an error that nobody reads", n)
			}
			e.equal("errors told while paused", told, 0)
			e.no(client.ResumeRead())
		})
		e.no(err)
	})
	e.no(err)
	e.run(lp)
	e.equal("errors told", told, 1)
}

func udpUnreachable(e *env, host string) {
	lp := e.loop()
	c, err := udp.Listen(lp, net.JoinHostPort(host, "0"), &udp.Options{RecvError: true})
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skip("this system tells of refusals on connected sockets only: ", err)
	}
	e.no(err)
	told := 0
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { e.Error("OnRead was called") }
	c.OnError = func(_ *udp.Conn, err error) {
		told++
		e.is(err, syscall.ECONNREFUSED)
		var call *os.SyscallError
		e.equal("the error names the call", errors.As(err, &call), true)
	}
	_, err = c.WriteTo([]byte("PING"), udpRefused(e, lp, host))
	e.no(err)
	_, err = timer.After(lp, 100*time.Millisecond, func() { c.Close() })
	e.no(err)
	e.run(lp)
	e.equal("errors told", told, 1)
	if n := lp.Metrics().Turns; n > 20 {
		e.Errorf("%d turns for one refusal", n)
	}
}
