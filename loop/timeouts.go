package loop

import "example.com/pike/poller"

// An Expirer owns a Timeout and is told when it is due.
type Expirer interface {
	// Expired is called on the loop. By then the Timeout is no longer armed
	// and may be armed again.
	Expired(*Timeout)
}

// A Timeout is the bare timer that handles are built on: embedded in its
// owner, it is armed, moved and stopped in O(1) and allocates nothing. It is
// no handle and does not keep the loop alive.
//
// The loop points at a Timeout while it is armed: it must not be copied or
// overwritten then.
type Timeout struct {
	next, prev *Timeout // in a lane of a slot of the wheel
	due        poller.Time
	seq        uint64
	index      int32 // in the heap
	place      timeoutPlace
	owner      Expirer
}

// Init names the owner. It comes before t is armed for the first time.
func (t *Timeout) Init(owner Expirer) { t.owner = owner }

// Armed reports whether t has yet to expire.
func (t *Timeout) Armed() bool { return t.place != nowhere }

// Due is the time that t is armed for or, if it is not armed, was armed for last. If that
// time was past already, Due is the time of the loop's last pass over its timers.
func (t *Timeout) Due() poller.Time { return t.due }

// timeoutPlace says where a Timeout is linked: nowhere, in the heap, or, from
// inWheel on, in the slot of that number.
type timeoutPlace uint16

const (
	nowhere timeoutPlace = iota
	inHeap
	inWheel timeoutPlace = levelSlots // a multiple, so that p%levelSlots is the slot within its level
)

// timeouts is the queue of the armed Timeouts in the order of (due, sequence).
// It is ready after init.
//
// The wheel takes what is due later, in O(1) and in no order; the heap orders
// what is due next. The heap has all up to the tick the wheel is at and the
// wheel all of later ticks, so whatever is in the heap comes first.
type timeouts struct {
	heap  dueHeap
	wheel wheel
	now   poller.Time // of the last pop
	seq   uint64      // what set gave last
	armed int
}

func (q *timeouts) init(now poller.Time) {
	q.now = now
	q.wheel.init(now)
}

// len counts the armed Timeouts.
func (q *timeouts) len() int { return q.armed }

// set arms t, or moves it if it is armed, and gives it the next sequence
// number. A due before the time of the last pop becomes that time. Otherwise a Timeout that
// a callback arms in the past would come before those that are still to run in this pass,
// and stand in their way.
func (q *timeouts) set(t *Timeout, due poller.Time) {
	due = max(due, q.now)
	q.seq++
	seq := q.seq
	w := &q.wheel
	from, to := t.place, w.place(due)
	if from == to || min(from, to) < inWheel {
		q.change(t, due, seq, to)
		return
	}
	// Most calls move a Timeout from slot to slot, and that is here in one piece. Among a
	// million Timeouts such a move mostly waits for the memory of t.place. The fewer
	// instructions it has, the more moves a processor has waiting at the same time.
	if w.slot(from).cut(t) {
		w.behead(t)
	}
	t.due, t.seq, t.place = due, seq, to
	if w.slot(to).add(t) {
		w.occupy(to)
	}
}

// change is any set that is not a move from slot to slot.
func (q *timeouts) change(t *Timeout, due poller.Time, seq uint64, to timeoutPlace) {
	from := t.place
	switch {
	case from == to && to == inHeap:
		t.due, t.seq = due, seq
		q.heap.fix(int(t.index), dueEntry{due, seq, t})
	case from == to:
		q.wheel.move(t, due)
		t.seq = seq
	default:
		if from == nowhere {
			q.armed++
		}
		q.unlink(t)
		t.due, t.seq = due, seq
		q.link(t, to)
	}
}

// stop disarms t and reports whether it was armed.
func (q *timeouts) stop(t *Timeout) bool {
	if t.place == nowhere {
		return false
	}
	q.unlink(t)
	q.armed--
	return true
}

// pop unlinks and returns the first Timeout, in order, of those that are due
// at now and whose sequence number is less than before, or nil. A pass takes
// seq+1 when it begins and pops with that until nil: what its callbacks arm
// then waits for the next pass, even if it is due at once.
func (q *timeouts) pop(now poller.Time, before uint64) *Timeout {
	q.now = max(q.now, now)
	if q.armed == 0 {
		q.wheel.cur = max(q.wheel.cur, tickOf(q.now))
		return nil
	}
	for len(q.heap) == 0 {
		if !q.turn() {
			return nil
		}
	}
	head := &q.heap[0]
	if head.due > now {
		return nil
	}
	t := head.t
	if head.seq >= before {
		if t = q.behind(now, before); t == nil {
			return nil
		}
	}
	q.unlink(t)
	q.armed--
	return t
}

// behind finds what pop may return although the head of the heap is not for
// this pass. Whatever was armed in a pass is due at its now or later, and so is all that
// comes behind it in the heap. So there is something to find only if now moves within a
// pass. That is rare enough to look at everything that is due.
func (q *timeouts) behind(now poller.Time, before uint64) *Timeout {
	if q.heap[0].due >= now {
		return nil
	}
	for q.turn() {
	}
	var first dueEntry
	for _, e := range q.heap {
		if e.due <= now && e.seq < before && (first.t == nil || e.less(&first)) {
			first = e
		}
	}
	return first.t
}

// next is the time of the first Timeout, or poller.Never. It is never late. It
// is early only where the first Timeout of a slot was stopped or moved away, the slot has
// more than scanMax others, and nothing else is due before. Waking then costs a pass that
// finds nothing, and that spreads the slot out.
func (q *timeouts) next() poller.Time {
	switch {
	case q.armed == 0:
		return poller.Never
	case len(q.heap) > 0:
		return q.heap[0].due
	}
	return q.wheel.next()
}

// turn moves the wheel on to the tick of what may be due first, but not past
// the time of the pass, and files anew what is in the slots it enters: what is
// of the new tick goes to the heap. It reports whether there was anything.
// Going no further than pop asks for keeps the heap small even if the loop
// comes hours late.
func (q *timeouts) turn() (moved bool) {
	w := &q.wheel
	was := w.cur
	w.cur = max(was, min(tickOf(w.least()), tickOf(q.now)))
	for level := range w.occupied { // upwards, as what leaves a slot goes to levels below
		if was>>shiftOf(level) == w.cur>>shiftOf(level) {
			break
		}
		if p, occupied := w.entered(level); occupied {
			q.refile(p)
			moved = true
		}
	}
	return moved
}

// refile empties a slot, a Timeout of each lane in turn. It must not range over the array
// itself, as that copies the array in every round. The copy has to wait for the writes of
// the round before, and so the lanes would wait for each other (310 ns a firing instead of
// 130).
func (q *timeouts) refile(p timeoutPlace) {
	lanes := q.wheel.slot(p).lanes
	q.wheel.empty(p)
	for more := true; more; {
		more = false
		for i, t := range &lanes {
			if t != nil {
				lanes[i], more = t.next, true
				q.link(t, q.wheel.place(t.due))
			}
		}
	}
}

func (q *timeouts) link(t *Timeout, to timeoutPlace) {
	t.place = to
	if to >= inWheel {
		q.wheel.link(t, to)
		return
	}
	t.next, t.prev = nil, nil
	q.heap.push(t)
}

func (q *timeouts) unlink(t *Timeout) {
	switch t.place {
	case nowhere:
		return
	case inHeap:
		q.heap.remove(int(t.index))
	default:
		q.wheel.unlink(t)
		t.next, t.prev = nil, nil // a stopped Timeout must not keep its neighbours from being freed
	}
	t.place = nowhere
}

// dueHeap is a 4-ary heap in the order of (due, sequence). An entry repeats
// both, so that comparing entries touches no Timeout.
type dueHeap []dueEntry

type dueEntry struct {
	due poller.Time
	seq uint64
	t   *Timeout
}

const heapArity = 4

func (e *dueEntry) less(f *dueEntry) bool {
	return e.due < f.due || e.due == f.due && e.seq < f.seq
}

func (h *dueHeap) push(t *Timeout) {
	*h = append(*h, dueEntry{})
	h.up(len(*h)-1, dueEntry{t.due, t.seq, t})
}

func (h *dueHeap) remove(i int) {
	n := len(*h) - 1
	last := (*h)[n]
	(*h)[n] = dueEntry{}
	*h = (*h)[:n]
	if i < n {
		h.fix(i, last)
	}
}

// fix puts e in the place of the entry at i.
func (h dueHeap) fix(i int, e dueEntry) {
	if i > 0 && e.less(&h[(i-1)/heapArity]) {
		h.up(i, e)
	} else {
		h.down(i, e)
	}
}

func (h dueHeap) up(i int, e dueEntry) {
	for i > 0 {
		parent := (i - 1) / heapArity
		if !e.less(&h[parent]) {
			break
		}
		h.put(i, h[parent])
		i = parent
	}
	h.put(i, e)
}

func (h dueHeap) down(i int, e dueEntry) {
	for {
		first := heapArity*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for child := first + 1; child < min(first+heapArity, len(h)); child++ {
			if h[child].less(&h[least]) {
				least = child
			}
		}
		if !h[least].less(&e) {
			break
		}
		h.put(i, h[least])
		i = least
	}
	h.put(i, e)
}

func (h dueHeap) put(i int, e dueEntry) {
	h[i] = e
	e.t.index = int32(i)
}
