package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// What came to a group or a broadcast address is answered as it came, by WriteBatch.
func TestAnswerOfWhatCameToMany(t *testing.T) {
	lo := loopback(t)
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		for _, to := range []string{"127.0.0.1", "239.1.2.3", "127.255.255.255"} {
			s, err := udp.Listen(lp, "0.0.0.0:0", &udp.Options{RecvPacketInfo: true})
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			no(t, err)
			ip := netip.MustParseAddr(to)
			if ip.IsMulticast() {
				no(t, s.Join(lo, ip, netip.Addr{}))
			}
			s.OnReadBatch = func(s *udp.Conn, ms []udp.Message) {
				_, err := s.WriteBatch(ms)
				no(t, err)
			}
			s.OnError = func(_ *udp.Conn, err error) { t.Error("server:", err) }
			c := listen(t, lp, anyV4, &udp.Options{Broadcast: true})
			no(t, c.SetMulticastInterface(lo))
			answers := 0
			c.OnRead = func(_ *udp.Conn, _ []byte, from netip.AddrPort) {
				answers++
				if from.Addr() == ip && to != "127.0.0.1" {
					t.Errorf("an answer from %v", from)
				}
			}
			writeTo(t, c, "hello", netip.AddrPortFrom(ip, s.LocalAddr().Port()))
			runUntil(t, lp, "it is answered", func() bool { return answers > 0 })
			settle(t, lp)
			equal(t, "answers of what came to "+to, answers, 1)
		}
	})
}

// loopback is the interface of this machine alone, which a simulated one has by the
// same number.
func loopback(t testing.TB) *net.Interface {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil || lo.Index != 1 {
		t.Skip("no interface lo here: ", err)
	}
	return lo
}
