package sys

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// TestOptionsOfBothFamilies holds that what is set of a socket of IPv6 that carries IPv4
// holds for either, and of one that does not for IPv6.
func TestOptionsOfBothFamilies(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	for _, only := range []int{0, 1} {
		fd, err := NewSocket(unix.AF_INET6, unix.SOCK_DGRAM)
		if err != nil {
			t.Skip(err)
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			o        poller.Option
			v        int
			ip, ipv6 int
		}{
			{poller.TTL, 7, unix.IP_TTL, unix.IPV6_UNICAST_HOPS},
			{poller.TrafficClass, 0x28, unix.IP_TOS, unix.IPV6_TCLASS},
			{poller.MulticastTTL, 7, unix.IP_MULTICAST_TTL, unix.IPV6_MULTICAST_HOPS},
			{poller.MulticastLoop, 0, unix.IP_MULTICAST_LOOP, unix.IPV6_MULTICAST_LOOP},
			{poller.MulticastInterface, lo.Index, 0, unix.IPV6_MULTICAST_IF},
		} {
			if err := SetOption(int32(fd), unix.AF_INET6, c.o, c.v); err != nil {
				t.Errorf("option %d: %v", c.o, err)
			}
			if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, c.ipv6); v != c.v || err != nil {
				t.Errorf("V6ONLY %d: option %d of IPv6 is %d, %v, want %d", only, c.o, v, err, c.v)
			}
			if c.ip == 0 {
				continue
			}
			if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, c.ip); (v == c.v) != (only == 0) || err != nil {
				t.Errorf("V6ONLY %d: option %d of IPv4 is %d, %v", only, c.o, v, err)
			}
		}
	}
}
