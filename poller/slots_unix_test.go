//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import "testing"

// A numbered endpoint is only told from others.
type numbered struct{ n int }

func (numbered) ready(Events)          {}
func (numbered) end()                  {}
func (numbered) abandon()              {}
func (numbered) refused(Events, errno) {}

// TestSlots fills several pages, empties and fills them again: each endpoint stays
// where it is, and a slot that is given out again has another generation.
func TestSlots(t *testing.T) {
	const n = 3*slotsPerPage + 10
	var table slots
	table.init()
	gens := map[uint32]uint32{}
	for round := range 3 {
		at := map[uint32]int{}
		for i := range n {
			s := table.add(&numbered{i})
			if s == wakeSlot {
				t.Fatal("the slot of wake-ups was given out")
			}
			if _, taken := at[s]; taken {
				t.Fatalf("slot %d was given out twice", s)
			}
			if gen := table.at(s).gen; round > 0 && gen == gens[s] {
				t.Errorf("slot %d has generation %d again", s, gen)
			}
			at[s], gens[s] = i, table.at(s).gen
		}
		for s, i := range at {
			if got := table.at(s).end.(*numbered).n; got != i {
				t.Errorf("slot %d has endpoint %d, want %d", s, got, i)
			}
			table.remove(s)
			if table.at(s).end != nil {
				t.Errorf("slot %d keeps its endpoint alive", s)
			}
		}
	}
	if table.n != n+1 {
		t.Errorf("%d slots for %d endpoints", table.n, n)
	}
}
