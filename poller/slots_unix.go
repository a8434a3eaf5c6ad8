//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

// slotsPerPage is a power of two, so that finding a slot is a shift and a mask.
const slotsPerPage = 256

// slots is where an event finds its socket. It grows by pages: a slice would be
// copied as it grows, and what it leaves behind would stay resident, more than
// the slots themselves are.
type slots struct {
	pages []*[slotsPerPage]slot
	n     uint32 // slots ever used, slot 0 (wakeSlot) among them
	free  uint32 // head of the list of free slots; 0 is none
}

// A slot is one socket's place. The generation tells a socket from the one that
// had the slot before.
type slot struct {
	end  endpoint
	gen  uint32
	next uint32 // free slot after this
}

func (t *slots) init() {
	t.pages = append(t.pages[:0], new([slotsPerPage]slot))
	t.n, t.free = 1, 0
}

func (t *slots) at(i uint32) *slot { return &t.pages[i/slotsPerPage][i%slotsPerPage] }

func (t *slots) add(e endpoint) (i uint32) {
	if i = t.free; i != 0 {
		t.free = t.at(i).next
	} else {
		i = t.n
		t.n++
		if i%slotsPerPage == 0 {
			t.pages = append(t.pages, new([slotsPerPage]slot))
		}
	}
	t.at(i).end = e
	return i
}

// remove frees a slot; events on their way to it are void.
func (t *slots) remove(i uint32) {
	s := t.at(i)
	s.end = nil
	s.gen++
	s.next, t.free = t.free, i
}
