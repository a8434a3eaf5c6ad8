//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"testing"
	"unsafe"
)

// TestStreamSize: a hundred thousand idle connections have one each.
func TestStreamSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the size is that of 64-bit systems")
	}
	if n := unsafe.Sizeof(stream{}); n != 80 {
		t.Errorf("a stream is %d bytes, want 80", n)
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
