package loop

// handlesPerPage makes a page 4,080 bytes, which with the 8 that the runtime puts
// before it is just below one of the sizes that it allocates, 4,096: the next is
// 4,864, and a page of 256 would leave a sixth of that unused
// (internal/runtime/gc/sizeclasses.go).
const handlesPerPage = 255

// handles is what is on a loop, in no order that lasts. It grows by pages. A slice would
// be copied as it grows, and the copies that it leaves behind would stay resident: together
// they are larger than the table.
//
// A handle that goes leaves a gap, which the next handle fills. The last handle is not moved
// into the gap: nobody has looked at it for long, so that writing into it means waiting for
// memory. Where a million timers fire, that would be a million waits.
type handles struct {
	pages []*[handlesPerPage]Handle
	gaps  []uint32 // all free places below used, and some that are none any more; see trim
	used  uint32   // places that were ever taken
	n     uint32
}

func (s *handles) at(i uint32) *Handle { return &s.pages[i/handlesPerPage][i%handlesPerPage] }

func (s *handles) add(h Handle, b *Base) {
	i, ok := s.gap()
	if !ok {
		i = s.used
		if i == uint32(len(s.pages))*handlesPerPage {
			s.pages = append(s.pages, new([handlesPerPage]Handle))
		}
		s.used++
	}
	*s.at(i) = h
	s.n++
	b.index = i + 1
}

// gap takes a place that is free.
func (s *handles) gap() (i uint32, ok bool) {
	for last := len(s.gaps) - 1; last >= 0; last-- {
		i, s.gaps = s.gaps[last], s.gaps[:last]
		if i < s.used && *s.at(i) == nil {
			return i, true
		}
	}
	return 0, false
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

// large reports whether the table is mostly gaps.
func (s *handles) large() bool {
	return s.used > keptMost && s.n < s.used/4 || cap(s.gaps) > keptMost && int(s.used-s.n) < cap(s.gaps)/4
}

// trim moves what is at the end into the gaps, and gives back the pages that are empty then.
// It reports whether there is more to move. The places that it has emptied at the end stay in
// gaps until gap finds that they are none, or trim lists the gaps anew.
func (s *handles) trim() (more bool) {
	for moves := 0; s.used > keptMost && s.n < s.used/4 && !more; moves++ {
		last := s.at(s.used - 1)
		h := *last
		*last = nil
		s.used--
		if h != nil {
			s.n--
			s.add(h, h.base())
		}
		more = moves == movesMost
	}
	pages := int(s.used+handlesPerPage-1) / handlesPerPage
	clear(s.pages[pages:])
	s.pages = s.pages[:pages]
	if !more && s.large() {
		s.gaps = make([]uint32, 0, s.used-s.n)
		for i := range s.used {
			if *s.at(i) == nil {
				s.gaps = append(s.gaps, i)
			}
		}
	}
	return more
}
