package iocp

import (
	"testing"
	"unsafe"
)

// An idle connection is its stream and its place in the live list. A server has
// many, so that a field more is a decision.
func TestStreamIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(stream{}); n > 160 {
		t.Errorf("a stream takes %d bytes, want at most 160", n)
	}
}
