package loop

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestPageOfHandles: what the allocator rounds up to, every connection pays a part of.
func TestPageOfHandles(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the size is that of 64-bit systems")
	}
	const pages = 256
	kept := make([]*[handlesPerPage]Handle, pages)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range kept {
		kept[i] = new([handlesPerPage]Handle)
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	each := float64(after.TotalAlloc-before.TotalAlloc) / (pages * handlesPerPage)
	if each < 16 || each > 16.5 {
		t.Errorf("a handle's place takes %.1f bytes, want 16 and next to nothing beside", each)
	}
}
