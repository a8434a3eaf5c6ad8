//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"testing"
	"unsafe"
)

// TestSlots fills several pages, empties and fills them again: each endpoint stays
// where it is, and a slot that is given out again has another generation.
func TestSlots(t *testing.T) {
	const n = 3*slotsPerPage + 10
	var table slots
	table.init()
	gens := map[uint32]uint32{}
	for round := range 3 {
		at := map[uint32]endpoint{}
		for i := range n {
			e, source := ofKind(i)
			s := table.add(e, source)
			if s == wakeSlot {
				t.Fatal("the slot of wake-ups was given out")
			}
			if _, taken := at[s]; taken {
				t.Fatalf("slot %d was given out twice", s)
			}
			if gen := table.at(s).gen; round > 0 && gen == gens[s] {
				t.Errorf("slot %d has generation %d again", s, gen)
			}
			at[s], gens[s] = e, table.at(s).gen
		}
		for s, e := range at {
			if got := table.at(s).endpoint(); got != e {
				t.Errorf("slot %d has %T %p, want %T %p", s, got, got, e, e)
			}
			table.remove(s)
			if table.at(s).s != nil {
				t.Errorf("slot %d keeps its endpoint alive", s)
			}
		}
	}
	if table.n != n+1 {
		t.Errorf("%d slots for %d endpoints", table.n, n)
	}
}

// ofKind is a new endpoint, of each kind in turn.
func ofKind(i int) (endpoint, *source) {
	switch i % 5 {
	case 0:
		e := new(stream)
		return e, &e.source
	case 1:
		e := new(listener)
		return e, &e.source
	case 2:
		e := new(packet)
		return e, &e.source
	case 3:
		e := new(pipeEnd)
		return e, &e.source
	}
	e := new(watch)
	return e, &e.source
}

// TestSourceIsFirst: a slot has the address of the source and takes it for the whole.
func TestSourceIsFirst(t *testing.T) {
	for kind, offset := range map[string]uintptr{
		"stream":   unsafe.Offsetof(stream{}.source),
		"listener": unsafe.Offsetof(listener{}.source),
		"packet":   unsafe.Offsetof(packet{}.source),
		"watch":    unsafe.Offsetof(watch{}.source),
	} {
		if offset != 0 {
			t.Errorf("the source of a %s is at %d, want 0", kind, offset)
		}
	}
}
