package loop

import (
	"math/rand/v2"
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

// placed is a handle that is only a place in the table.
type placed struct{ Base }

func (*placed) Close() error { return nil }

func TestHandlesComeAndGo(t *testing.T) {
	var s handles
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]*placed, 3*handlesPerPage)
	for i := range out {
		out[i] = new(placed)
	}
	most := len(out)
	in := map[Handle]bool{}
	for range 100_000 {
		if h := out[random.IntN(most)]; in[h] {
			s.remove(&h.Base)
			delete(in, h)
		} else {
			s.add(h, &h.Base)
			in[h] = true
		}
	}
	all := s.all()
	if len(all) != len(in) || int(s.n) != len(in) {
		t.Fatalf("%d handles of %d in the table, which counts %d", len(all), len(in), s.n)
	}
	for _, h := range all {
		if !in[h] {
			t.Fatal("a handle that has left, or one twice")
		}
		delete(in, h)
		if got := *s.at(h.base().index - 1); got != h {
			t.Fatal("a handle that is not at its place")
		}
	}
	if len(s.pages) > 3 {
		t.Errorf("%d pages for at most %d handles: gaps are not used again", len(s.pages), most)
	}
	for _, h := range all {
		s.remove(h.base())
		if h.base().index != 0 {
			t.Fatal("a handle that has left has a place")
		}
	}
	if left := s.all(); len(left) != 0 || s.n != 0 {
		t.Errorf("%d handles left, and %d counted", len(left), s.n)
	}
}
