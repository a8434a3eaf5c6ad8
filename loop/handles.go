package loop

// handlesPerPage makes a page 4,080 bytes, which with the 8 that the runtime puts
// before it is just below one of the sizes that it allocates, 4,096: the next is
// 4,864, and a page of 256 would leave a sixth of that unused
// (internal/runtime/gc/sizeclasses.go).
const handlesPerPage = 255

// handles is what is on a loop, in no order that lasts. It grows by pages: a
// slice would be copied as it grows, and what it leaves behind would stay
// resident, more than the table itself is.
type handles struct {
	pages []*[handlesPerPage]Handle
	n     uint32
}

func (s *handles) at(i uint32) *Handle { return &s.pages[i/handlesPerPage][i%handlesPerPage] }

func (s *handles) add(h Handle, b *Base) {
	if s.n == uint32(len(s.pages))*handlesPerPage {
		s.pages = append(s.pages, new([handlesPerPage]Handle))
	}
	*s.at(s.n) = h
	s.n++
	b.index = s.n
}

// remove moves the last handle into the gap.
func (s *handles) remove(b *Base) {
	s.n--
	last := s.at(s.n)
	moved := *last
	*s.at(b.index - 1) = moved
	moved.base().index = b.index
	*last = nil
	b.index = 0
}

// all is a copy, for walks during which handles come and go.
func (s *handles) all() []Handle {
	hs := make([]Handle, s.n)
	for i := range s.n {
		hs[i] = *s.at(i)
	}
	return hs
}
