package loop

import (
	"math/bits"

	"example.com/pike/poller"
)

const (
	tickBits    = 20 // a tick, the width of a slot of level 0, is 2^20 ns: 1.05 ms
	growthBits  = 3  // the slots of a level are 8 times as wide as those of the level below
	levelSlots  = 64 // one bit each in a word
	wheelLevels = 14 // the topmost reaches poller.Never: 6 bits of the tick, and growthBits more a level
	wheelLanes  = 4
	scanMax     = 32 // what next looks at in a slot to learn its minimum

	// wheelSlots is a power of two, so that an index needs no check. What is below inWheel is no slot.
	wheelSlots = 1024
)

// wheel keeps the Timeouts of ticks after cur. A level is a ring of slots that
// reaches as far as 64 slots ahead of the one cur is in, and a Timeout goes to
// the lowest level that reaches it. Levels overlap. So a slot is never wider than an eighth
// of the time that its Timeouts had to go when they were armed. Of a million Timeouts with
// the same duration no more than an eighth has to be filed anew at once. If levels grew by
// 64 and did not overlap, it could be all of them.
type wheel struct {
	cur      uint64
	occupied [wheelLevels]uint64
	slots    [wheelSlots]wheelSlot
}

// wheelSlot links its Timeouts in several lanes. Whoever follows one list through a million
// Timeouts waits for memory at every step. Whoever follows several lanes in turn waits for
// all of them at once.
type wheelSlot struct {
	lanes [wheelLanes]*Timeout
	min   poller.Time // nothing in the slot is due earlier; Never if it is empty
	stale bool        // the Timeout that min is of has left
}

func tickOf(t poller.Time) uint64 { return uint64(t) >> tickBits }

// shiftOf is how far to shift a tick to have the number of its slot in a level.
// The modulus changes nothing but tells the compiler that it is less than 64.
func shiftOf(level int) uint { return uint(level*growthBits) % 64 }

func (w *wheel) init(now poller.Time) {
	w.cur = tickOf(now)
	for i := range w.slots {
		w.slots[i].min = poller.Never
	}
}

// place is where a Timeout of that due belongs.
func (w *wheel) place(due poller.Time) timeoutPlace {
	tick := tickOf(due)
	if tick <= w.cur {
		return inHeap
	}
	// 4 to 6 bits are level 0, as less than 64 ticks are, and 3 bits more are one level more.
	level := int(uint8(bits.Len64((tick-w.cur)|8)-4) / growthBits)
	return inWheel + timeoutPlace(level*levelSlots+int(tick>>shiftOf(level)%levelSlots))
}

func (w *wheel) slot(p timeoutPlace) *wheelSlot { return &w.slots[p%wheelSlots] }

// entered is the slot of a level that cur is in, and whether it is occupied:
// just after cur has come there, by Timeouts that have to leave; later, by
// those 64 slots ahead.
func (w *wheel) entered(level int) (p timeoutPlace, occupied bool) {
	i := w.cur >> shiftOf(level) % levelSlots
	return inWheel + timeoutPlace(level*levelSlots) + timeoutPlace(i), w.occupied[level]>>i&1 != 0
}

// earliest is the first occupied slot of a level that has one.
func (w *wheel) earliest(level int) *wheelSlot {
	after := w.cur>>shiftOf(level) + 1
	ahead := bits.TrailingZeros64(bits.RotateLeft64(w.occupied[level], -int(after%levelSlots)))
	return w.slot(inWheel + timeoutPlace(level*levelSlots) + timeoutPlace((after+uint64(ahead))%levelSlots))
}

// least is a time before which nothing in the wheel is due.
func (w *wheel) least() poller.Time {
	least := poller.Never
	for level, occupied := range w.occupied {
		if occupied != 0 {
			least = min(least, w.earliest(level).min)
		}
	}
	return least
}

// next is least, made exact where that is cheap.
func (w *wheel) next() poller.Time {
	next := poller.Never
	for level, occupied := range w.occupied {
		if occupied == 0 {
			continue
		}
		s := w.earliest(level)
		if s.stale && s.min < next {
			s.stale = false // even if scan gives up: what is left is due after min
			s.scan()
		}
		next = min(next, s.min)
	}
	return next
}

func (s *wheelSlot) scan() {
	least, n := poller.Never, 0
	for _, t := range s.lanes {
		for ; t != nil; t = t.next {
			if n++; n > scanMax {
				return
			}
			least = min(least, t.due)
		}
	}
	s.min = least
}

func (w *wheel) link(t *Timeout, to timeoutPlace) {
	if w.slot(to).add(t) {
		w.occupy(to)
	}
}

func (w *wheel) occupy(p timeoutPlace) { w.occupied[(p-inWheel)/levelSlots] |= 1 << (p % levelSlots) }

// unlink leaves t with its old links, for the caller to set.
func (w *wheel) unlink(t *Timeout) {
	if w.slot(t.place).cut(t) {
		w.behead(t)
	}
}

// move changes the due of t within its slot.
func (w *wheel) move(t *Timeout, due poller.Time) {
	s := w.slot(t.place)
	if due <= s.min {
		s.min, s.stale = due, false
	} else if t.due == s.min {
		s.stale = true
	}
	t.due = due
}

// behead makes what follows t the first of its lane.
func (w *wheel) behead(t *Timeout) {
	s := w.slot(t.place)
	for i, first := range s.lanes {
		if first == t {
			s.lanes[i] = t.next
		}
	}
	if s.lanes == [wheelLanes]*Timeout{} {
		w.empty(t.place)
	}
}

func (w *wheel) empty(p timeoutPlace) {
	w.occupied[(p-inWheel)/levelSlots] &^= 1 << (p % levelSlots)
	*w.slot(p) = wheelSlot{min: poller.Never}
}

// add puts t first in a lane, and reports whether it is alone there. The sequence number
// picks the lane, as it spreads Timeouts evenly.
func (s *wheelSlot) add(t *Timeout) (alone bool) {
	if t.due <= s.min {
		s.min, s.stale = t.due, false
	}
	lane := &s.lanes[t.seq%wheelLanes]
	first := *lane
	*lane = t
	t.next, t.prev = first, nil
	if first == nil {
		return true
	}
	first.prev = t
	return false
}

// cut joins the neighbours of t and reports whether t was the first of its lane.
func (s *wheelSlot) cut(t *Timeout) (first bool) {
	if t.due == s.min {
		s.stale = true
	}
	next, prev := t.next, t.prev
	if next != nil {
		next.prev = prev
	}
	if prev != nil {
		prev.next = next
	}
	return prev == nil
}
