//go:build !race && !pikedebug && !kqfake

package udp_test

import (
	"net/netip"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
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
	const rounds = 2000
	n := 0
	at := s.LocalAddr()
	reached := false // an address that was added just now may take nothing yet
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { reached = true }
	for tries := 0; !reached && tries < 500; tries++ {
		c.WriteTo([]byte("x"), at)
		timer.After(lp, 20*time.Millisecond, lp.Stop)
		lp.Run()
	}
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		if n++; n%rounds == 0 {
			lp.Stop()
			return
		}
		c.WriteTo(p, from)
	}
	guard, err := timer.After(lp, patience, func() {
		left, _ := c.Buffered()
		owed, _ := s.Buffered()
		t.Errorf("no echo at %s after %d round trips; %d and %d are queued", addr, n, left, owed)
		lp.Stop()
	})
	if err != nil {
		t.Error(err)
		return 0
	}
	guard.Unref()
	return testing.AllocsPerRun(3, func() {
		c.WriteTo([]byte("x"), at)
		lp.Run()
	}) / rounds
}
