package udp_test

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"example.com/pike/poller/pollertest"
	"example.com/pike/udp"
)

// Connecting and dissolving leave the socket at its port, also where the system
// chose it, and decide who is heard and where Write goes.
func TestConnectAndDissolve(t *testing.T) {
	if pollertest.Wine() != "" {
		t.Skip("Wine has the Linux below take the port away with the peer")
	}
	for _, addr := range []string{anyV4, "0.0.0.0:0", anyV6, "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			host := netip.MustParseAddr("127.0.0.1")
			if addr == anyV6 || addr == "[::]:0" {
				needIPv6(t)
				host = netip.IPv6Loopback()
			}
			lp := newLoop(t)
			one := listen(t, lp, netip.AddrPortFrom(host, 0).String(), nil)
			two := listen(t, lp, netip.AddrPortFrom(host, 0).String(), nil)
			c := listen(t, lp, addr, nil)
			bound := c.LocalAddr()
			at := netip.AddrPortFrom(host, bound.Port())
			var heard []netip.AddrPort
			c.OnRead = func(_ *udp.Conn, _ []byte, from netip.AddrPort) { heard = append(heard, from) }
			step := func(what string, peer netip.AddrPort, want ...*udp.Conn) {
				t.Helper()
				no(t, c.Connect(peer))
				equal(t, what+": peer", c.RemoteAddr(), peer)
				equal(t, what+": port", c.LocalAddr().Port(), bound.Port())
				heard = nil
				writeTo(t, one, "1", at)
				writeTo(t, two, "2", at)
				settle(t, lp)
				equal(t, what+": senders heard", len(heard), len(want))
				for i, w := range want {
					equal(t, what+": sender", heard[i], w.LocalAddr())
				}
			}
			step("not connected", netip.AddrPort{}, one, two)
			step("connected", one.LocalAddr(), one)
			step("connected to another", two.LocalAddr(), two)
			step("dissolved", netip.AddrPort{}, one, two)
			if at := c.LocalAddr(); at != bound && !at.Addr().IsUnspecified() { // as BSDs leave it
				t.Errorf("dissolved, it is at %v, and was bound to %v", at, bound)
			}
			step("dissolved twice", netip.AddrPort{}, one, two)
			_, err := c.Write([]byte("to whom?"))
			opIs(t, err, "write", netip.AddrPort{}, os.ErrInvalid)
		})
	}
}

func TestConnectErrorLeavesThePeer(t *testing.T) {
	lp := newLoop(t)
	c := dial(t, lp, nobody)
	err := c.Connect(netip.MustParseAddrPort("[::1]:9"))
	opIs(t, err, "connect", netip.MustParseAddrPort("[::1]:9"), syscall.EAFNOSUPPORT)
	equal(t, "peer", c.RemoteAddr(), nobody)
}

func TestConnectedWritesElsewhere(t *testing.T) {
	lp := newLoop(t)
	one, two := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	c := dial(t, lp, one.LocalAddr())
	got := ""
	for _, s := range []*udp.Conn{one, two} {
		s.OnRead = func(s *udp.Conn, p []byte, _ netip.AddrPort) {
			got += string(p)
			s.Close()
		}
	}
	var elsewhere error
	_, err := c.Write([]byte("a"))
	no(t, err)
	no(t, c.WriteBuffer([]byte("b"), two.LocalAddr(), func(err error) {
		if elsewhere = err; err != nil {
			two.Close()
		}
	}))
	c.Close()
	run(t, lp)
	if errors.Is(elsewhere, syscall.EISCONN) { // BSDs and macOS send to the peer, and nowhere else
		equal(t, "received", got, "a")
		return
	}
	no(t, elsewhere)
	if got != "ab" && got != "ba" {
		t.Errorf("received %q", got)
	}
}
