package proxyproto

import (
	"testing"
	"unsafe"

	"example.com/pike/stream/layer"
)

// TestSize holds what a connection keeps besides the header and what every layer keeps. A new field
// has to be worth it.
func TestSize(t *testing.T) {
	const word = unsafe.Sizeof(uintptr(0))
	base := unsafe.Sizeof(layer.Transparent{})
	if n := unsafe.Sizeof(accepted{}) - base; n > 3*word {
		t.Errorf("a stream that reads a header takes %d bytes more, at most 3 words", n)
	}
}
