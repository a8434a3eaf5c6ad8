package loop

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"example.com/pike/poller"
)

// timeoutsModel holds a queue against the plainest one there is: a list of
// what is armed, looked through for the least.
type timeoutsModel struct {
	t     *testing.T
	q     timeouts
	ts    []Timeout
	now   poller.Time
	seq   uint64
	model map[*Timeout]dueEntry
	scale byte   // of the longest spans
	data  []byte // what is left of the script
}

// byte takes the next byte of the script; one that is over reads as zeros.
func (m *timeoutsModel) byte() byte {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return b
}

func (m *timeoutsModel) pick() *Timeout { return &m.ts[int(m.byte())%len(m.ts)] }

// span is a time from 0 to what the scale allows, which is nine years at most.
// Short ones are as likely as long ones.
func (m *timeoutsModel) span() poller.Time {
	n := poller.Time(m.byte())<<8 | poller.Time(m.byte())
	return n << (m.byte() % m.scale) >> 4
}

func (m *timeoutsModel) set(t *Timeout, due poller.Time) {
	m.q.set(t, due)
	m.seq++
	m.model[t] = dueEntry{max(due, m.now), m.seq, t}
	if t.Due() != m.model[t].due {
		m.t.Fatalf("due %d, want %d", t.Due(), m.model[t].due)
	}
}

func (m *timeoutsModel) stop(t *Timeout) {
	_, want := m.model[t]
	delete(m.model, t)
	if got := m.q.stop(t); got != want {
		m.t.Fatalf("stop %v, want %v", got, want)
	}
}

func (m *timeoutsModel) pop(now poller.Time, before uint64) *Timeout {
	m.now = max(m.now, now)
	var want dueEntry
	for _, e := range m.model {
		if e.due <= now && e.seq < before && (want.t == nil || e.less(&want)) {
			want = e
		}
	}
	delete(m.model, want.t)
	if got := m.q.pop(now, before); got != want.t {
		m.t.Fatalf("pop(%d, %d) gave %+v, want %+v", now, before, got, want)
	}
	return want.t
}

// pass is a turn's; what expires arms, moves and stops others on its way.
func (m *timeoutsModel) pass(now poller.Time) {
	before := m.q.seq + 1
	for t := m.pop(now, before); t != nil; t = m.pop(now, before) {
		switch m.byte() % 8 {
		case 0:
			m.set(t, now)
		case 1:
			m.set(t, now-m.span())
		case 2:
			m.set(m.pick(), now+m.span())
		case 3:
			m.stop(m.pick())
		case 4:
			now = min(now+m.span(), poller.Never/2)
		}
	}
}

func (m *timeoutsModel) step() {
	switch op := m.byte() % 16; op {
	default:
		m.set(m.pick(), m.now+m.span())
	case 0:
		m.set(m.pick(), m.now-m.span())
	case 1:
		m.set(m.pick(), poller.Never-1-m.span())
	case 2:
		t := m.pick()
		m.set(t, t.Due()+m.span()) // nearer to where it is than a span from now
	case 3, 4:
		m.stop(m.pick())
	case 5:
		m.pass(m.now + m.span())
	case 6:
		m.pass(m.now + m.span()>>(m.byte()%32)) // so that many stay armed
	case 7, 8:
		if next := m.q.next(); next < poller.Never/2 { // leave room for the times to come
			m.pass(next)
		}
	case 9:
		m.pop(m.now-m.span(), all)
	case 10:
		m.pop(m.now+m.span(), m.q.seq-min(m.q.seq, uint64(m.byte()%8)))
	}
	m.check()
}

func (m *timeoutsModel) check() {
	if m.q.len() != len(m.model) || m.q.seq != m.seq {
		m.t.Fatalf("len %d, seq %d, want %d and %d", m.q.len(), m.q.seq, len(m.model), m.seq)
	}
	least := poller.Never
	for t, e := range m.model {
		least = min(least, e.due)
		if !t.Armed() || t.due != e.due || t.seq != e.seq {
			m.t.Fatalf("%+v, want %+v", t, e)
		}
	}
	// So few fit into what next looks at that it has to be exact.
	if next := m.q.next(); next > least || next < least && len(m.ts) <= scanMax {
		m.t.Fatalf("next is %d, want %d", next, least)
	}
}

// checkLinks holds the queue to what its comments say of it.
func (m *timeoutsModel) checkLinks() {
	linked := len(m.q.heap)
	for i := range m.ts {
		if t := &m.ts[i]; t.place < inWheel && (t.next != nil || t.prev != nil) {
			m.t.Fatalf("not in the wheel, but links to others: %+v", t)
		}
	}
	for _, e := range m.q.heap[linked:cap(m.q.heap)] {
		if e.t != nil {
			m.t.Fatalf("left in the memory of the heap: %+v", e)
		}
	}
	for i, e := range m.q.heap {
		if e.t.place != inHeap || int(e.t.index) != i || e.due != e.t.due || e.seq != e.t.seq {
			m.t.Fatalf("entry %d of the heap is %+v, of %+v", i, e, e.t)
		}
		if tickOf(e.due) > m.q.wheel.cur || i > 0 && e.less(&m.q.heap[(i-1)/heapArity]) {
			m.t.Fatalf("entry %d of the heap does not belong there: %+v", i, e)
		}
	}
	w := &m.q.wheel
	if w.cur > tickOf(m.now) {
		m.t.Fatalf("the wheel is %d ticks ahead of time, and all until then in the heap", w.cur-tickOf(m.now))
	}
	for i := range wheelLevels * levelSlots {
		s, n := w.slot(inWheel+timeoutPlace(i)), linked
		level, shift := i/levelSlots, shiftOf(i/levelSlots)
		for _, t := range s.lanes {
			for prev := (*Timeout)(nil); t != nil; prev, t = t, t.next {
				linked++
				number := tickOf(t.due) >> shift
				ahead := number - w.cur>>shift
				if t.prev != prev || t.place != inWheel+timeoutPlace(i) || number%levelSlots != uint64(i)%levelSlots ||
					ahead-1 >= levelSlots || t.due < s.min {
					m.t.Fatalf("at %d of level %d, least %d: %+v, %d slots ahead", i%levelSlots, level, s.min, t, ahead)
				}
			}
		}
		if bit := w.occupied[level] >> (i % levelSlots) & 1; bit != 0 != (linked > n) || linked == n && s.min != poller.Never {
			m.t.Fatalf("slot %d of level %d has %d, but its bit is %d, its min %d", i%levelSlots, level, linked-n, bit, s.min)
		}
	}
	if linked != m.q.armed {
		m.t.Fatalf("%d are linked, %d are armed", linked, m.q.armed)
	}
}

// playTimeouts plays a script. Its head picks how many timers there are, how
// far they are spread, and the time to begin at.
func playTimeouts(t *testing.T, script []byte) {
	m := &timeoutsModel{t: t, model: map[*Timeout]dueEntry{}, data: script}
	m.ts = make([]Timeout, []int{1, 3, scanMax, 250}[m.byte()%4])
	m.scale = 1 + m.byte()%47
	m.now = poller.Time(m.byte()) << (m.byte() % 53)
	m.q.init(m.now)
	for n := 0; len(m.data) > 0 && m.now < poller.Never/2; n++ {
		m.step()
		if n%8 == 0 {
			m.checkLinks()
		}
	}
	for m.q.len() > 0 {
		m.pop(max(m.now, m.q.next()), all)
	}
	m.check()
}

func TestTimeoutsAgainstAModel(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 0))
		script := make([]byte, 4000)
		for i := 0; i < len(script); i += 8 {
			binary.LittleEndian.PutUint64(script[i:], r.Uint64())
		}
		playTimeouts(t, script)
		if t.Failed() {
			t.Fatal("with seed", seed)
		}
	}
}

func FuzzTimeouts(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 4 {
		script := make([]byte, 100)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		script[0] = byte(n)
		f.Add(script)
	}
	f.Fuzz(playTimeouts)
}
