package udp_test

import (
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

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
