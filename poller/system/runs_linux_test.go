//go:build !kqfake

package system_test

import (
	"net"
	"syscall"
	"testing"

	"example.com/pike/poller"
)

// TestRunsAllocateNothing holds it for runs, cut and joined by the system, and for
// what the IP header says.
func TestRunsAllocateNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for name, o := range map[string]*poller.Options{
			"offload":    {RecvSegments: true, RecvPacketInfo: true, RecvTrafficClass: true},
			"no offload": {RecvSegments: true, NoOffload: true, RecvPacketInfo: true, RecvTrafficClass: true},
		} {
			a, b := bind(t, p, local, o), bind(t, p, local, o)
			got, runs := 0, 0
			b.received = func(ms []poller.Message, _ error) {
				if !b.Send(ms) { // the memory is the poller's until this returns, and so is the answer
					t.Error("a datagram is too much for the system")
				}
			}
			a.received = func(ms []poller.Message, _ error) {
				for _, m := range ms {
					for range m.Datagrams() {
						got++
					}
					if m.Segment > 0 {
						runs++
					}
				}
			}
			ms := make([]poller.Message, 50)
			for i := range ms {
				ms[i] = poller.Message{Data: make([]byte, 64), Peer: b.Addr().AddrPort}
				ms[i].TrafficClass = uint8(i/20) + 1
			}
			ms[49].Segment = 10
			noAllocs(t, name, func() {
				got = 0
				a.Send(ms)
				for got < 56 {
					p.Poll(poller.Never)
				}
			})
			if (runs > 0) == o.NoOffload {
				t.Errorf("%s: %d runs were received", name, runs)
			}
		}
	})
}

// TestAdoptedRuns adopts a socket whose former owner had turned UDP_GRO on: what
// the system has joined must not pass for one datagram.
func TestAdoptedRuns(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		raw, err := pc.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		b := new(packet)
		raw.Control(func(fd uintptr) {
			if err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_UDP, 0x68, 1); err == nil { // UDP_GRO of linux/udp.h
				b.Packet, err = p.(poller.Adopter).AdoptPacket(fd, b)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		got, runs := 0, 0
		b.received = func(ms []poller.Message, _ error) {
			for _, m := range ms {
				if m.Segment > 0 {
					runs++
				}
				for data := range m.Datagrams() {
					if len(data) != 100 {
						t.Errorf("a datagram of %d bytes", len(data))
					}
					got++
				}
			}
		}
		b.Start()
		a := bind(t, p, local, nil)
		a.Send([]poller.Message{{Data: make([]byte, 3000), Segment: 100, Peer: b.Addr().AddrPort}})
		until(t, p, "all is received", func() bool { return got == 30 })
		if runs == 0 {
			t.Error("the system joined nothing, so this shows nothing")
		}
	})
}
