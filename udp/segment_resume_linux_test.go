package udp_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/timer"
	"example.com/pike/udp"
)

// A run of which the system has taken a part goes on where it was, and nothing of it goes out twice.
func TestHalfARunGoesOn(t *testing.T) {
	for _, noOffload := range []bool{true, false} {
		const pair = "ip link add va type veth peer name vb && ip addr add 10.99.0.1/24 dev va && ip link set va up && ip link set vb up"
		apart(t, pair, func() {
			vb, err := net.InterfaceByName("vb")
			if err != nil {
				t.Error(err)
				return
			}
			raw, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0x0008)
			if err != nil {
				t.Error(err)
				return
			}
			defer unix.Close(raw)
			unix.Bind(raw, &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: vb.Index})
			lp := newLoop(t)
			c, err := udp.Listen(lp, "10.99.0.1:0", &udp.Options{WriteBuffer: 8192, NoOffload: noOffload})
			if err != nil {
				t.Error(err)
				return
			}
			to := netip.MustParseAddrPort("10.99.0.99:9")
			const n, size = 100, 500
			data := make([]byte, n*size)
			for i := range n {
				binary.BigEndian.PutUint32(data[i*size:], uint32(i+1))
			}
			c.WriteTo(make([]byte, 100), to)
			c.WriteMessage(udp.Message{Data: data, Segment: size, Peer: to})
			timer.After(lp, 30*time.Millisecond, func() {
				add := []string{"neigh", "replace", "10.99.0.99", "lladdr", vb.HardwareAddr.String(), "dev", "va"}
				if out, err := exec.Command("ip", add...).CombinedOutput(); err != nil {
					t.Error(err, string(out))
				}
			})
			timer.After(lp, 150*time.Millisecond, lp.Stop)
			if err := lp.Run(); err != nil {
				t.Error(err)
			}
			seen := map[uint32]int{}
			buf := make([]byte, 1<<17)
			for {
				k, _, err := unix.Recvfrom(raw, buf, 0)
				if err != nil {
					break
				}
				if k < 28+4 {
					continue
				}
				p := buf[28:k] // a run may be one packet here
				for len(p) >= 4 {
					seen[binary.BigEndian.Uint32(p)]++
					p = p[min(size, len(p)):]
				}
			}
			twice := 0
			for _, v := range seen {
				if v > 1 {
					twice++
				}
			}
			if twice > 0 {
				t.Errorf("no offload %v: %d of %d datagrams of a run were sent twice", noOffload, twice, len(seen))
			}
			c.Abort()
			lp.Close()
		})
	}
}
