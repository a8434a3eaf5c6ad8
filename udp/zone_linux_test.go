//go:build !race && !pikedebug

package udp_test

import (
	"net/netip"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// An echo between link-local addresses allocates as little as any other, whoever names
// the link.
func TestEchoOfLinkLocalAllocatesNothing(t *testing.T) {
	apart(t, "ip link set lo up && ip addr add fe80::1/64 dev lo nodad", func() {
		for _, addr := range []string{"[fe80::1%lo]:0", "[fe80::1%1]:0", "[::1]:0"} {
			if n := costOfEcho(t, addr); n > 0.1 { // once in a second it asks for the names
				t.Errorf("%.2f allocations a round trip at %s", n, addr)
			}
		}
	})
}

func costOfEcho(t *testing.T, addr string) float64 {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer lp.Close()
	var ends [2]*udp.Conn
	for i := range ends {
		if ends[i], err = udp.Listen(lp, addr, nil); err != nil {
			t.Error(err)
			return 0
		}
		ends[i].OnError = func(_ *udp.Conn, err error) { t.Error(err); lp.Stop() }
	}
	s, c := ends[0], ends[1]
	s.OnRead = func(s *udp.Conn, p []byte, from netip.AddrPort) { s.WriteTo(p, from) }
	const rounds = 10000
	n := 0
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		if n++; n%rounds == 0 {
			lp.Stop()
			return
		}
		c.WriteTo(p, from)
	}
	at := s.LocalAddr()
	return testing.AllocsPerRun(3, func() {
		c.WriteTo([]byte("x"), at)
		lp.Run()
	}) / rounds
}
