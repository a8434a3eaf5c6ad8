package udp_test

import (
	"net/netip"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A zone that is none is an error that names it, wherever an address is taken.
func TestZoneThatIsNone(t *testing.T) {
	needIPv6(t)
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		c := listen(t, lp, "[::]:0", nil)
		server := listen(t, lp, "[::1]:0", nil)
		server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) { t.Errorf("%q was sent", p) }
		bad := netip.MustParseAddrPort("[fe80::1%nosuch]:9")
		named := func(what string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), "%nosuch") {
				t.Errorf("%s: %v, want an error that names the zone", what, err)
			}
		}
		_, err := udp.Listen(lp, bad.String(), nil)
		named("Listen", err)
		_, err = udp.Dial(lp, bad.String(), nil)
		named("Dial", err)
		_, err = udp.Dial(lp, "[::1]:9", &udp.Options{LocalAddr: bad})
		named("Dial from", err)
		named("Connect", c.Connect(bad))
		named("Join", c.Join(nil, netip.MustParseAddr("ff02::1%nosuch"), netip.Addr{}))
		named("Leave", c.Leave(nil, netip.MustParseAddr("ff02::1%nosuch"), netip.Addr{}))
		told := 0
		c.OnError = func(_ *udp.Conn, err error) {
			told++
			named("WriteTo", err)
		}
		writeTo(t, c, "lost", bad)
		control := udp.Control{Local: bad.Addr()}
		no(t, c.WriteMessage(udp.Message{Data: []byte("lost"), Peer: server.LocalAddr(), Control: control}))
		runUntil(t, lp, "all is told", func() bool { return told == 2 })
	})
}
