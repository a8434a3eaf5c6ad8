package udp_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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

func second[T any](_ T, err error) error { return err }
