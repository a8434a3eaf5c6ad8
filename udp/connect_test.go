package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
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

func TestAdoptConn(t *testing.T) {
	needNetPackets(t)
	lp := newLoop(t)
	peer := listen(t, lp, anyV4, nil)
	for name, open := range map[string]func() (net.PacketConn, error){
		"bound": func() (net.PacketConn, error) { return net.ListenPacket("udp", anyV4) },
		"connected": func() (net.PacketConn, error) {
			return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(peer.LocalAddr()))
		},
		"dual stack": func() (net.PacketConn, error) { return net.ListenPacket("udp", ":0") },
	} {
		t.Run(name, func(t *testing.T) {
			pc, err := open()
			no(t, err)
			port := pc.LocalAddr().(*net.UDPAddr).AddrPort().Port()
			c, err := udp.AdoptConn(lp, pc)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			no(t, err)
			is(t, pc.Close(), net.ErrClosed)
			equal(t, "port", c.LocalAddr().Port(), port)
			equal(t, "connected", c.RemoteAddr().IsValid(), name == "connected")
			got := ""
			peer.OnRead = func(p *udp.Conn, b []byte, from netip.AddrPort) { writeTo(t, p, string(b), from) }
			c.OnRead = func(c *udp.Conn, b []byte, from netip.AddrPort) {
				equal(t, "sender", from, peer.LocalAddr())
				got = string(b)
				c.Close()
				lp.Stop()
			}
			writeTo(t, c, "echo", peer.LocalAddr())
			run(t, lp)
			equal(t, "answer", got, "echo")
		})
	}
}

// What cannot be adopted stays as it was.
func TestAdoptConnRefuses(t *testing.T) {
	needNetPackets(t)
	lp := newLoop(t)
	pc, err := net.ListenPacket("udp", anyV4)
	no(t, err)
	defer pc.Close()
	_, err = udp.AdoptConn(lp, struct{ net.PacketConn }{pc})
	is(t, err, errors.ErrUnsupported)
	_, err = pc.WriteTo([]byte("x"), pc.LocalAddr())
	no(t, err)
	no(t, pc.Close())
	_, err = udp.AdoptConn(lp, pc)
	is(t, err, net.ErrClosed)

	local, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unixgram"})
	if err == nil {
		_, err = udp.AdoptConn(lp, local)
		is(t, err, errors.ErrUnsupported)
		no(t, local.Close())
	}
	equal(t, "alive", lp.Alive(), false)
}
