//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// TestStreamSize: a hundred thousand idle connections have one each.
func TestStreamSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the size is that of 64-bit systems")
	}
	if n := unsafe.Sizeof(stream{}); n != 64 {
		t.Errorf("a stream is %d bytes, want 64", n)
	}
}

// TestSlotSize: and one of these.
func TestSlotSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the size is that of 64-bit systems")
	}
	if n := unsafe.Sizeof(slot{}); n != 16 {
		t.Errorf("a slot is %d bytes, want 16", n)
	}
}

// TestPeerIsKept: a stream keeps less of its peer's address than a socket address has.
func TestPeerIsKept(t *testing.T) {
	for _, c := range []struct {
		family int
		addr   string
		want   string
	}{
		{unix.AF_INET, "192.0.2.1:7", "192.0.2.1:7"},
		{unix.AF_INET, "0.0.0.0:7", "0.0.0.0:7"},
		{unix.AF_INET6, "[2001:db8::1]:65535", "[2001:db8::1]:65535"},
		{unix.AF_INET6, "192.0.2.1:7", "192.0.2.1:7"}, // mapped
		{unix.AF_INET6, "[::]:7", "[::]:7"},
		{unix.AF_INET6, "[::1]:0", "[::1]:0"},
		{unix.AF_INET6, "[fe80::1%4294967295]:7", "[fe80::1%4294967295]:7"},
	} {
		var sa sys.Sockaddr
		if e := sa.Set(poller.AddrOf(netip.MustParseAddrPort(c.addr)), c.family); e != 0 {
			t.Fatal(c.addr, e)
		}
		s := stream{source: source{p: new(readiness)}}
		s.open(3, c.family)
		s.setPeer(&sa)
		if got := s.Peer(); got != poller.AddrOf(netip.MustParseAddrPort(c.want)) {
			t.Errorf("the peer is %v, want %s", got, c.want)
		}
		if s.family() != c.family {
			t.Errorf("the family is %d, want %d", s.family(), c.family)
		}
	}
	var sa sys.Sockaddr
	sa.Set(poller.AddrOf(netip.MustParseAddrPort("192.0.2.1:7")), unix.AF_INET)
	s := stream{source: source{p: new(readiness)}}
	s.open(3, unix.AF_UNIX)
	s.setPeer(&sa) // what was there before an accept that gave no name
	if got := s.Peer(); got != (poller.Addr{}) {
		t.Errorf("the peer of a unix-domain socket is %v, want none", got)
	}
}

// TestMarksAreApart: each has a bit of its own.
func TestMarksAreApart(t *testing.T) {
	var all marks
	for _, m := range []marks{events, byEdge, started, closing, failing, gotEnd, dialing, reset, shutting, familyMarks, edgeable} {
		if all&m != 0 {
			t.Errorf("%#x is in %#x already", m, all)
		}
		all |= m
	}
	for _, m := range []marks{isIPv6, isIPv4, isLocal} {
		if m&^familyMarks != 0 {
			t.Errorf("the family %#x is not in %#x", m, familyMarks)
		}
	}
}
