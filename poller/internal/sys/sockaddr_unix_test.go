//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"net/netip"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// FuzzSockaddr holds that an address is the same after the system's form of it.
func FuzzSockaddr(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "fe80::1", "::ffff:1.2.3.4", "ff02::1"} {
		ip := netip.MustParseAddr(s).As16()
		f.Add(ip[:], uint16(80), uint32(0), "")
		f.Add(ip[:], uint16(0xFF00), uint32(1), "")
		f.Add(ip[12:], uint16(1), uint32(0), "")
	}
	f.Add([]byte{}, uint16(0), uint32(0), "/tmp/socket")
	f.Add([]byte{}, uint16(0), uint32(0), "@abstract")
	f.Add([]byte{}, uint16(0), uint32(0), "@"+strings.Repeat("x", 107))
	f.Add([]byte{}, uint16(0), uint32(0), "a\x00b")
	f.Add([]byte{}, uint16(0), uint32(0), strings.Repeat("x", 107))
	f.Add([]byte{}, uint16(0), uint32(0), strings.Repeat("x", 108))
	f.Fuzz(func(t *testing.T, ip []byte, port uint16, zone uint32, path string) {
		if path != "" {
			roundTripPath(t, path)
			return
		}
		a, ok := netip.AddrFromSlice(ip)
		if !ok {
			return
		}
		if zone != 0 && a.Is6() {
			a = a.WithZone((*Zones)(nil).name(zone))
		}
		addr := poller.AddrOf(netip.AddrPortFrom(a, port))
		roundTrip(t, addr, unix.AF_INET6)
		roundTrip(t, addr, unix.AF_INET)
	})
}

func roundTrip(t *testing.T, a poller.Addr, family int) {
	t.Helper()
	var sa Sockaddr
	sa.Raw.Addr.Data[0] = 77 // what was there before must not show
	e := sa.Set(a, family)
	v4 := a.Addr().Unmap().Is4()
	if family == unix.AF_INET && !v4 {
		if e == 0 {
			t.Errorf("%v was taken for an IPv4 address", a)
		}
		return
	}
	if a.Addr().Zone() != "" && !scoped(a.Addr()) {
		if e == 0 {
			t.Errorf("the zone of %v, which the system does not look at, was taken", a)
		}
		return
	}
	if a.Addr().Zone() != "" && e == unix.ENODEV {
		return // there is no such interface
	}
	if e != 0 {
		t.Errorf("%v for family %d: %v", a, family, e)
		return
	}
	want := poller.AddrOf(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	if got := sa.Addr(nil); got != want {
		t.Errorf("%v became %v", want, got)
	}
	if size := map[int]uint32{unix.AF_INET: unix.SizeofSockaddrInet4, unix.AF_INET6: unix.SizeofSockaddrInet6}[family]; sa.N != size {
		t.Errorf("%v has %d bytes, want %d", a, sa.N, size)
	}
	if raw := *(*SockaddrIn6)(unsafe.Pointer(&sa.Raw)); raw.AddrPort(nil) != want.AddrPort {
		t.Errorf("%v is kept as %v", want, raw.AddrPort(nil))
	}
}

func roundTripPath(t *testing.T, path string) {
	t.Helper()
	var sa Sockaddr
	if e := sa.Set(poller.Addr{Path: path}, unix.AF_UNIX); e != 0 {
		want := unix.EINVAL // a zero byte
		if n := len(unix.RawSockaddrUnix{}.Path); len(path) > n || len(path) == n && !Abstract(path) {
			want = unix.ENAMETOOLONG
		}
		if e != want || want == unix.EINVAL && !strings.Contains(path, "\x00") {
			t.Errorf("a path of %d bytes: %v", len(path), e)
		}
		return
	}
	if got := sa.Addr(nil); got.Path != path {
		t.Errorf("%q became %q", path, got.Path)
	}
}

// FuzzSockaddrOfSystem reads whatever bytes there are: what the system gives must
// never bring the loop down.
func FuzzSockaddrOfSystem(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 0, 0, 80, 127, 0, 0, 1}, uint32(16))
	f.Add([]byte{16, unix.AF_INET, 0, 80, 127, 0, 0, 1}, uint32(16)) // as the BSDs have it
	f.Add(append([]byte{110, unix.AF_UNIX}, strings.Repeat("x", 108)...), uint32(111))
	f.Add([]byte{16, unix.AF_UNIX, 0}, uint32(16))
	f.Add(append([]byte{unix.AF_UNIX, 0}, strings.Repeat("x", 108)...), uint32(111))
	f.Add([]byte{unix.AF_UNIX, 0, 0}, uint32(2))
	f.Add([]byte{unix.AF_INET6, 0}, uint32(0))
	f.Fuzz(func(t *testing.T, raw []byte, n uint32) {
		var sa Sockaddr
		copy((*[unix.SizeofSockaddrAny]byte)(unsafe.Pointer(&sa.Raw))[:], raw)
		sa.N = n
		if a := sa.Addr(nil); a.IsValid() && a.String() == "" {
			t.Errorf("%v prints as nothing", raw)
		}
	})
}
