//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// aligned is control data as the system writes it.
func aligned(p []byte) []byte {
	words := make([]uint64, len(p)/8+1)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
	return b[:copy(b, p)]
}

// FuzzRights reads whatever control data says without reading what is not there.
func FuzzRights(f *testing.F) {
	f.Add(unix.UnixRights(3, 4, 5))
	f.Add(append(unix.UnixRights(3), unix.UnixRights(7, 8)...))
	f.Add(unix.UnixRights(3, 4)[:unix.CmsgLen(0)+5])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, control []byte) {
		got := rights(aligned(control), nil)
		if 4*len(got) > len(control) {
			t.Fatalf("%d descriptors in %d bytes", len(got), len(control))
		}
	})
}

func TestRights(t *testing.T) {
	two := append(aligned(unix.UnixRights(3)), unix.UnixRights(7, 8)...)
	other := aligned(unix.UnixRights(9))
	(*unix.Cmsghdr)(unsafe.Pointer(&other[0])).Type = unix.SCM_RIGHTS + 1
	for name, c := range map[string]struct {
		control []byte
		want    []uintptr
	}{
		"none":             {nil, nil},
		"one message":      {unix.UnixRights(3, 4, 5), []uintptr{3, 4, 5}},
		"two messages":     {two, []uintptr{3, 7, 8}},
		"something else":   {append(other, unix.UnixRights(4)...), []uintptr{4}},
		"a part of a word": {unix.UnixRights(3, 4)[:unix.CmsgLen(0)+5], nil},
	} {
		if got := rights(aligned(c.control), nil); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
