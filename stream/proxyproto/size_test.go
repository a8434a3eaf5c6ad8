package proxyproto

import (
	"testing"
	"unsafe"
)

// TestSize holds what a connection with a header keeps besides the header. A new field has to
// be worth it.
func TestSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	if n := unsafe.Sizeof(accepted{}); n > 64 {
		t.Errorf("a stream that reads a header takes %d bytes, at most 64", n)
	}
	if n := unsafe.Sizeof(dialed{}); n > 48 {
		t.Errorf("a stream that sends one takes %d bytes, at most 48", n)
	}
}
