package udp_test

import (
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

func TestDualStack(t *testing.T) {
	needIPv6(t)
	for _, addr := range []string{":0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			lp := newLoop(t)
			server := listen(t, lp, addr, nil)
			port := server.LocalAddr().Port()
			v4, v6 := listen(t, lp, anyV4, nil), listen(t, lp, anyV6, nil)
			echoes := 0
			server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
				want := v6
				if string(p) == "by IPv4" {
					want = v4
				}
				equal(t, "sender", from, want.LocalAddr())
				writeTo(t, c, string(p), from) // a plain IPv4 address will do
			}
			for _, c := range []*udp.Conn{v4, v6} {
				c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
					equal(t, "answer from", from, netip.AddrPortFrom(c.LocalAddr().Addr(), port))
					c.Close()
					if echoes++; echoes == 2 {
						server.Close()
					}
				}
			}
			writeTo(t, v4, "by IPv4", netip.AddrPortFrom(v4.LocalAddr().Addr(), port))
			writeTo(t, v6, "by IPv6", netip.AddrPortFrom(v6.LocalAddr().Addr(), port))
			run(t, lp)
			equal(t, "echoes", echoes, 2)
		})
	}
}

func TestV6Only(t *testing.T) {
	needIPv6(t)
	lp := newLoop(t)
	server := listen(t, lp, "[::]:0", &udp.Options{V6Only: true})
	port := server.LocalAddr().Port()
	v4, v6 := listen(t, lp, anyV4, nil), listen(t, lp, anyV6, nil)
	server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		equal(t, "sender", from, v6.LocalAddr())
		for _, c := range []*udp.Conn{c, v4, v6} {
			c.Close()
		}
	}
	writeTo(t, v4, "by IPv4", netip.AddrPortFrom(v4.LocalAddr().Addr(), port))
	soon(t, lp, func() { writeTo(t, v6, "by IPv6", netip.AddrPortFrom(v6.LocalAddr().Addr(), port)) })
	run(t, lp)
	_, err := udp.Listen(lp, anyV4, &udp.Options{V6Only: true})
	is(t, err, syscall.EINVAL)
}
