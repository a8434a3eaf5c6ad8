package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"example.com/pike/udp"
)

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

func TestAdoptIntoAClosedLoop(t *testing.T) {
	needNetPackets(t)
	lp := newLoop(t)
	no(t, lp.Close())
	pc, err := net.ListenPacket("udp", anyV4)
	no(t, err)
	_, err = udp.AdoptConn(lp, pc)
	is(t, err, net.ErrClosed)
	no(t, pc.Close())
}
