package tlslayer

import (
	"testing"
	"unsafe"
)

// TestSizeOfStream is what TLS adds to a connection besides its tls.Conn of some 6 KB.
func TestSizeOfStream(t *testing.T) {
	if n := unsafe.Sizeof(stream{}); n > 256 {
		t.Errorf("a stream has %d bytes", n)
	}
	if n := unsafe.Sizeof(output{}); n > 256 {
		t.Errorf("an output has %d bytes", n)
	}
	t.Log(unsafe.Sizeof(stream{}), unsafe.Sizeof(output{}), unsafe.Sizeof(wire{}))
}
