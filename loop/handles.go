package loop

// handlesPerPage makes a page 4,080 bytes, which with the 8 that the runtime puts
// before it is just below one of the sizes that it allocates, 4,096: the next is
// 4,864, and a page of 256 would leave a sixth of that unused
// (internal/runtime/gc/sizeclasses.go).
const handlesPerPage = 255

// handles is what is on a loop, in no order that lasts. It grows by pages: a
// slice would be copied as it grows, and what it leaves behind would stay
// resident, more than the table itself is.
//
// A handle that leaves leaves a gap, for the next to come. To move the last one
// into it would be to write into a handle that nobody has looked at for long:
// with a million timers firing, to wait for memory once more for each.
type handles struct {
	pages []*[handlesPerPage]Handle
	gaps  []uint32
	used  uint32 // places that were ever taken
	n     uint32
}

func (s *handles) at(i uint32) *Handle { return &s.pages[i/handlesPerPage][i%handlesPerPage] }

func (s *handles) add(h Handle, b *Base) {
	i := s.used
	if last := len(s.gaps) - 1; last >= 0 {
		i, s.gaps = s.gaps[last], s.gaps[:last]
	} else {
		if i == uint32(len(s.pages))*handlesPerPage {
			s.pages = append(s.pages, new([handlesPerPage]Handle))
		}
		s.used++
	}
	*s.at(i) = h
	s.n++
	b.index = i + 1
}

func (s *handles) remove(b *Base) {
	i := b.index - 1
	*s.at(i) = nil
	s.gaps = append(s.gaps, i)
	s.n--
	b.index = 0
}

// all is a copy, for walks during which handles come and go.
func (s *handles) all() []Handle {
	hs := make([]Handle, 0, s.n)
	for i := range s.used {
		if h := *s.at(i); h != nil {
			hs = append(hs, h)
		}
	}
	return hs
}
