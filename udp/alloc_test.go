//go:build !race && !pikedebug && !kqfake && !darwin && !openbsd

package udp_test

import (
	"net/netip"
	"testing"

	"example.com/pike/udp"
)

func setPeer(ms []udp.Message, to netip.AddrPort) {
	for i := range ms {
		ms[i].Peer = to
	}
}

// An echo over a socket allocates nothing, whatever the form and the family.
func TestEchoAllocatesNothing(t *testing.T) {
	payload := make([]byte, 64)
	done := func(error) {}
	two := []udp.Message{{Data: payload}, {Data: payload, Segment: 10}}
	for name, write := range map[string]func(c *udp.Conn, to netip.AddrPort){
		"WriteTo":     func(c *udp.Conn, to netip.AddrPort) { c.WriteTo(payload, to) },
		"Write":       func(c *udp.Conn, _ netip.AddrPort) { c.Write(payload) },
		"WriteBuffer": func(c *udp.Conn, to netip.AddrPort) { c.WriteBuffer(payload, to, done) },
		"WriteMessage": func(c *udp.Conn, to netip.AddrPort) {
			c.WriteMessage(udp.Message{Data: payload, Peer: to, Control: udp.Control{TrafficClass: udp.ECT0}})
		},
		"a run": func(c *udp.Conn, to netip.AddrPort) {
			c.WriteMessage(udp.Message{Data: payload, Peer: to, Segment: 6})
		},
		"WriteBatch":   func(c *udp.Conn, to netip.AddrPort) { setPeer(two, to); c.WriteBatch(two) },
		"WriteBuffers": func(c *udp.Conn, to netip.AddrPort) { setPeer(two, to); c.WriteBuffers(two, done) },
		"a batch": func(c *udp.Conn, to netip.AddrPort) {
			for range 40 {
				c.WriteTo(payload, to)
			}
		},
	} {
		for _, addr := range []string{anyV4, anyV6} {
			t.Run(name+" "+addr, func(t *testing.T) {
				if addr == anyV6 {
					needIPv6(t)
				}
				lp := newLoop(t)
				if name == "WriteMessage" {
					needControl(t, lp)
				}
				server := listen(t, lp, addr, nil)
				client := dial(t, lp, server.LocalAddr())
				server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) { c.WriteTo(p, from) }
				got := 0
				client.OnReadBatch = func(_ *udp.Conn, ms []udp.Message) {
					for _, m := range ms {
						got += m.Count()
					}
				}
				echo := func() {
					got = 0
					write(client, server.LocalAddr())
					want, _ := client.Buffered()
					for got < want {
						if _, err := lp.RunOnce(); err != nil {
							t.Fatal(err)
						}
					}
				}
				echo() // the first has memory to find
				echo()
				if n := testing.AllocsPerRun(200, echo); n != 0 {
					t.Errorf("%v allocations an echo", n)
				}
			})
		}
	}
}
