package udp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

func TestListenAddresses(t *testing.T) {
	lp := newLoop(t)
	for _, addr := range []string{anyV4, "localhost:0", "[::ffff:127.0.0.1]:0"} {
		if _, err := net.LookupHost("localhost"); err != nil && addr == "localhost:0" {
			t.Log("this machine does not know itself: ", err)
			continue
		}
		c := listen(t, lp, addr, nil)
		if a := c.LocalAddr(); !a.Addr().IsLoopback() || a.Addr().Is4In6() || a.Port() == 0 {
			t.Errorf("Listen(%q) is at %v", addr, a)
		}
		equal(t, "peer", c.RemoteAddr(), netip.AddrPort{})
	}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "[::1", "127.0.0.1:no-such-service"} {
		for name, open := range map[string]func() (*udp.Conn, error){
			"Listen": func() (*udp.Conn, error) { return udp.Listen(lp, addr, nil) },
			"Dial":   func() (*udp.Conn, error) { return udp.Dial(lp, addr, nil) },
		} {
			c, err := open()
			var op *net.OpError
			if c != nil || !errors.As(err, &op) || op.Addr.String() != addr {
				t.Errorf("%s(%q): %v, %v", name, addr, c, err)
			}
		}
	}
}

// An address that this machine does not have (RFC 5737).
func TestListenElsewhere(t *testing.T) {
	needBindCheck(t)
	lp := newLoop(t)
	_, err := udp.Listen(lp, "203.0.113.9:0", nil)
	opIs(t, err, "listen", netip.MustParseAddrPort("203.0.113.9:0"), syscall.EADDRNOTAVAIL)
}

func TestAddressInUse(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	_, err := udp.Listen(lp, c.LocalAddr().String(), nil)
	opIs(t, err, "listen", c.LocalAddr(), syscall.EADDRINUSE)
	no(t, c.Close())
	run(t, lp)
	again := listen(t, lp, err.(*net.OpError).Addr.String(), nil)
	again.Close()
}

// Who has a port is not to be got round by the next address of a name, or by
// the other family.
func TestAddressInUseDoesNotFallBack(t *testing.T) {
	needIPv6(t)
	lp := newLoop(t, loop.Options{Resolver: names{"two": {"127.0.0.1", "::1"}}})
	c := listen(t, lp, anyV4, nil)
	_, err := udp.Listen(lp, fmt.Sprint("two:", c.LocalAddr().Port()), nil)
	opIs(t, err, "listen", c.LocalAddr(), syscall.EADDRINUSE)

	all := listen(t, lp, "[::]:0", &udp.Options{V6Only: true})
	_, err = udp.Listen(lp, fmt.Sprint(":", all.LocalAddr().Port()), nil)
	is(t, err, syscall.EADDRINUSE)
}

// names is a resolver.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	addrs, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var ips []netip.Addr
	for _, a := range addrs {
		ips = append(ips, netip.MustParseAddr(a))
	}
	return ips, nil
}

func TestNames(t *testing.T) {
	lp := newLoop(t, loop.Options{Resolver: names{
		"mapped": {"::ffff:127.0.0.1"}, "none": {},
	}})
	equal(t, "mapped", listen(t, lp, "mapped:0", nil).LocalAddr().Addr(), netip.MustParseAddr("127.0.0.1"))
	c, err := udp.Dial(lp, "mapped:domain", nil)
	no(t, err)
	equal(t, "peer", c.RemoteAddr(), netip.MustParseAddrPort("127.0.0.1:53"))
	for _, name := range []string{"none", "unknown"} {
		for _, err := range []error{
			second(udp.Listen(lp, name+":0", nil)),
			second(udp.Dial(lp, name+":9", nil)),
		} {
			var dns *net.DNSError
			if !errors.As(err, &dns) || !dns.IsNotFound || !strings.Contains(err.Error(), name) {
				t.Errorf("the host %q: %v", name, err)
			}
		}
	}
}

// Of several addresses of a name the first that this machine has is listened on.
func TestNameOfAnAddressThatIsNotHere(t *testing.T) {
	needBindCheck(t)
	lp := newLoop(t, loop.Options{Resolver: names{"not-mine": {"203.0.113.9", "127.0.0.1"}}})
	equal(t, "the second", listen(t, lp, "not-mine:0", nil).LocalAddr().Addr(), netip.MustParseAddr("127.0.0.1"))
}

func second[T any](_ T, err error) error { return err }

func TestDialAddresses(t *testing.T) {
	lp := newLoop(t)
	c := dial(t, lp, netip.MustParseAddrPort("127.0.0.1:9"))
	equal(t, "peer", c.RemoteAddr(), netip.MustParseAddrPort("127.0.0.1:9"))
	if a := c.LocalAddr(); !a.Addr().IsLoopback() || a.Port() == 0 {
		t.Errorf("a dialed socket is at %v", a)
	}
	c, err := udp.Dial(lp, ":9", nil)
	no(t, err)
	equal(t, "peer without a host", c.RemoteAddr(), netip.MustParseAddrPort("127.0.0.1:9"))
	_, err = udp.Dial(lp, "[::1]:9", &udp.Options{LocalAddr: netip.MustParseAddrPort(anyV4)})
	opIs(t, err, "connect", netip.MustParseAddrPort("[::1]:9"), syscall.EAFNOSUPPORT)
}

func TestDialFrom(t *testing.T) {
	needBindCheck(t)
	lp := newLoop(t)
	free := listen(t, lp, "127.0.0.1:0", nil)
	local := free.LocalAddr()
	_, err := udp.Dial(lp, "127.0.0.1:9", &udp.Options{LocalAddr: local})
	opIs(t, err, "dial", local, syscall.EADDRINUSE)
	free.Close()
	settle(t, lp)
	c, err := udp.Dial(lp, "127.0.0.1:9", &udp.Options{LocalAddr: local})
	no(t, err)
	equal(t, "the address asked for", c.LocalAddr(), local)
}

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

func TestReuseAddr(t *testing.T) {
	lp := newLoop(t)
	share := &udp.Options{ReuseAddr: true}
	a := listen(t, lp, anyV4, share)
	b := listen(t, lp, a.LocalAddr().String(), share)
	_, err := udp.Listen(lp, a.LocalAddr().String(), nil)
	is(t, err, syscall.EADDRINUSE)
	got := 0
	for _, c := range []*udp.Conn{a, b} {
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
	}
	sender := listen(t, lp, anyV4, nil)
	writeTo(t, sender, "to one of them", a.LocalAddr())
	soon(t, lp, func() { a.Close(); b.Close(); sender.Close() })
	run(t, lp)
	equal(t, "copies of a unicast datagram", got, 1)
}

func TestReusePortSpreads(t *testing.T) {
	lp := newLoop(t)
	share := &udp.Options{ReusePort: true}
	a, err := udp.Listen(lp, anyV4, share)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not spread datagrams over sockets: ", err)
	}
	no(t, err)
	b := listen(t, lp, a.LocalAddr().String(), share)
	const senders = 64
	var got [2]int
	all := []*udp.Conn{a, b}
	for i, c := range []*udp.Conn{a, b} {
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
			if got[i]++; got[0]+got[1] == senders {
				for _, c := range all {
					c.Close()
				}
			}
		}
	}
	for range senders {
		c := listen(t, lp, anyV4, nil)
		writeTo(t, c, "x", a.LocalAddr())
		all = append(all, c)
	}
	run(t, lp)
	if got[0] == 0 || got[1] == 0 {
		t.Errorf("%v: the second socket gets nothing", got)
	}
}
