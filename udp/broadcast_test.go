package udp_test

import (
	"net/netip"
	"os"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

func TestBroadcast(t *testing.T) {
	if !bindable(netip.MustParseAddr("127.255.255.254")) {
		t.Skip("loopback is no network here, and has no broadcast address")
	}
	lp := newLoop(t)
	server := listen(t, lp, "0.0.0.0:0", nil)
	// The broadcast address of the loopback network: it does not leave the machine.
	to := netip.AddrPortFrom(netip.MustParseAddr("127.255.255.255"), server.LocalAddr().Port())
	allowed := listen(t, lp, anyV4, &udp.Options{Broadcast: true})
	later := listen(t, lp, anyV4, nil)
	no(t, later.SetBroadcast(true))
	refused := listen(t, lp, anyV4, &udp.Options{Broadcast: true})
	no(t, refused.SetBroadcast(false))
	told := 0
	refused.OnError = func(_ *udp.Conn, err error) {
		told++
		opIs(t, err, "write", to, syscall.EACCES)
		is(t, err, os.ErrPermission)
	}
	heard := map[netip.AddrPort]bool{}
	server.OnRead = func(_ *udp.Conn, _ []byte, from netip.AddrPort) { heard[from] = true }
	all := []*udp.Conn{refused, allowed, later}
	for _, c := range all {
		writeTo(t, c, "to all", to)
	}
	soon(t, lp, func() {
		equal(t, "allowed by option", heard[allowed.LocalAddr()], true)
		equal(t, "allowed later", heard[later.LocalAddr()], true)
		equal(t, "senders", len(heard), 2)
		for _, c := range append(all, server) {
			c.Close()
		}
	})
	run(t, lp)
	equal(t, "errors", told, 1)
}
