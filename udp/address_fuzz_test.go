package udp

import (
	"net"
	"strconv"
	"testing"

	"example.com/pike/internal/netop"
)

// FuzzSplitAddr holds splitAddr against package net: whatever comes out goes in
// again, and what net.SplitHostPort refuses is refused.
func FuzzSplitAddr(f *testing.F) {
	for _, addr := range []string{
		"127.0.0.1:80", "[::1]:http", ":0", "host:65535", "host:65536", "[fe80::1%lo]:1", "", ":", "::", "[", "a:b:c", "h:-1", "h:+1",
		"h:\x00",
	} {
		f.Add(addr)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		host, port, err := netop.Split(network, addr)
		wantHost, service, splits := net.SplitHostPort(addr)
		if splits != nil && err == nil {
			t.Fatalf("%q is %q and %d, and net says %v", addr, host, port, splits)
		}
		if err != nil {
			return
		}
		if host != wantHost {
			t.Fatalf("%q has the host %q, want %q", addr, host, wantHost)
		}
		if n, err := strconv.ParseUint(service, 10, 16); err == nil && port != uint16(n) {
			t.Fatalf("%q has the port %d, want %d", addr, port, n)
		}
		again := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if h, p, err := netop.Split(network, again); err != nil || h != host || p != port {
			t.Fatalf("%q, which is %q, is %q and %d, %v", addr, again, h, p, err)
		}
	})
}
