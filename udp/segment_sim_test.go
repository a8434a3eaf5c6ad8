package udp_test

import (
	"fmt"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/udp"
)

// On a simulated network, where the seed decides which datagrams are received in
// one run and where a Send stops for a while, an echo of everything as it came
// gives back what was sent, headers included.
func TestEchoOfRunsInManyWorlds(t *testing.T) {
	faults := sim.Heavy().Without(sim.Pause, sim.TooManyOpen)
	runs := 0
	for seed := range uint64(100) {
		lp := newLoop(t, loop.Options{Poller: sim.New(seed, sim.Config{Faults: faults}).Host("host")})
		server := listen(t, lp, anyV4, &udp.Options{RecvTrafficClass: true, RecvPacketInfo: true})
		server.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
			for _, m := range ms {
				if m.Segment > 0 {
					runs++
				}
			}
			_, err := c.WriteBatch(ms)
			no(t, err)
		}
		client := listen(t, lp, anyV4, &udp.Options{RecvTrafficClass: true})
		const n = 100
		class := func(i uint32) uint8 { return uint8(i/5) % 4 }
		next := uint32(0)
		client.OnReadBatch = func(_ *udp.Conn, ms []udp.Message) {
			for _, m := range ms {
				for p := range m.Datagrams() {
					equal(t, fmt.Sprint("datagram ", next, " of seed ", seed), string(p), string(numbered(next, 20)))
					equal(t, "class", m.TrafficClass, class(next))
					next++
				}
			}
		}
		for i := range uint32(n) {
			m := udp.Message{Data: numbered(i, 20), Peer: server.LocalAddr(), Control: udp.Control{TrafficClass: class(i)}}
			no(t, client.WriteMessage(m))
		}
		runUntil(t, lp, "all is answered", func() bool { return next == n })
	}
	if runs < 100 {
		t.Errorf("%d runs in 100 worlds show little", runs)
	}
}
