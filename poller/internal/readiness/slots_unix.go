//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import "unsafe"

// slotsPerPage makes a page 4,080 bytes, which with the 8 that the runtime puts
// before it is just below one of the sizes that it allocates: a page of 256 would
// leave a sixth of the next unused.
const slotsPerPage = 255

// slots is where an event finds its socket. It grows by pages. A slice would be copied as it
// grows, and the copies that it leaves behind would stay resident: together they are larger
// than the slots.
type slots struct {
	pages []*[slotsPerPage]slot
	n     uint32 // slots ever used, slot 0 (wakeSlot) among them
	free  uint32 // head of the list of free slots; 0 is none
}

// A slot is one socket's place. The generation tells a socket from the one that
// had the slot before. The socket is not kept as an endpoint, which would be half
// as large again.
type slot struct {
	s    *source // nil: the slot is free
	gen  uint32
	word uint32 // see kind and free, which are all that read it
}

// kind is what has the slot; of a slot that is taken only.
func (t *slot) kind() uint32 { return t.word }

// free is the next slot in the list of free ones, or 0; of a slot that is free only.
func (t *slot) free() uint32 { return t.word }

func (t *slot) take(s *source, kind uint32) { t.s, t.word = s, kind }

// vacate makes events void that are on their way to who had the slot.
func (t *slot) vacate(free uint32) {
	t.s, t.word = nil, free
	t.gen++
}

// The kinds of what has a slot. Each begins with its source.
const (
	isStream = iota
	isListener
	isPacket
	isWatch
	isPipeEnd
)

func kindOf(e endpoint) uint32 {
	switch e.(type) {
	case *stream:
		return isStream
	case *listener:
		return isListener
	case *packet:
		return isPacket
	case *pipeEnd:
		return isPipeEnd
	}
	return isWatch
}

// endpoint is whose slot it is.
func (t *slot) endpoint() endpoint {
	p := unsafe.Pointer(t.s)
	switch t.kind() {
	case isStream:
		return (*stream)(p)
	case isListener:
		return (*listener)(p)
	case isPacket:
		return (*packet)(p)
	case isPipeEnd:
		return (*pipeEnd)(p)
	}
	return (*watch)(p)
}

func (t *slots) init() {
	t.pages = append(t.pages[:0], new([slotsPerPage]slot))
	t.n, t.free = 1, 0
}

func (t *slots) at(i uint32) *slot { return &t.pages[i/slotsPerPage][i%slotsPerPage] }

// add gives a slot to e, whose source is s.
func (t *slots) add(e endpoint, s *source) (i uint32) {
	if i = t.free; i != 0 {
		t.free = t.at(i).free()
	} else {
		i = t.n
		t.n++
		if i%slotsPerPage == 0 {
			t.pages = append(t.pages, new([slotsPerPage]slot))
		}
	}
	t.at(i).take(s, kindOf(e))
	return i
}

// remove frees a slot.
func (t *slots) remove(i uint32) {
	t.at(i).vacate(t.free)
	t.free = i
}
