package loop

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"example.com/pike/poller"
)

const (
	tick = poller.Time(1) << tickBits
	day  = poller.Time(24 * time.Hour)
	all  = ^uint64(0) // before anything that may be armed
)

// newTimeouts returns a queue at a time whose digits in the wheel are all
// different, and n Timeouts.
func newTimeouts(n int) (*timeouts, []Timeout, poller.Time) {
	const now = poller.Time(0x0123_4567_89ab_cdef)
	q := new(timeouts)
	q.init(now)
	return q, make([]Timeout, n), now
}

// pass pops what is due as a turn of the loop does, and returns the indices.
func pass(q *timeouts, ts []Timeout, now poller.Time, expired func(i int)) []int {
	order := []int{}
	before := q.seq + 1
	for t := q.pop(now, before); t != nil; t = q.pop(now, before) {
		i := int((uintptr(unsafe.Pointer(t)) - uintptr(unsafe.Pointer(&ts[0]))) / unsafe.Sizeof(*t))
		order = append(order, i)
		if expired != nil {
			expired(i)
		}
	}
	return order
}

func TestTimeoutsOrder(t *testing.T) {
	for _, test := range []struct {
		name string
		dues []poller.Time // from now, armed in this order
		at   poller.Time
		want []int
	}{
		{"none", nil, day, []int{}},
		{"by due", []poller.Time{3, 1, 2}, 3, []int{1, 2, 0}},
		{"by start", []poller.Time{5, 5, 5}, 5, []int{0, 1, 2}},
		{"not early", []poller.Time{6, 5}, 5, []int{1}},
		{"past is now", []poller.Time{0, -day, 0}, 0, []int{0, 1, 2}},
		{"one slot", []poller.Time{9 * tick, 9*tick - 2, 9*tick - 1}, day, []int{1, 2, 0}},
		{"slots", []poller.Time{70 * tick, 3 * tick, 64 * tick, 63 * tick, 8 * tick}, day, []int{1, 4, 3, 2, 0}},
		{"levels", []poller.Time{day, 1e9, 1e6, 60e9, 3600e9, 1}, day, []int{5, 2, 1, 3, 4, 0}},
		{"a ring ahead", []poller.Time{511 * tick, 100 * tick, 4090 * tick, 800 * tick}, day, []int{1, 0, 3, 2}},
		{"same due over levels", []poller.Time{day, 1e9, day, 1, day}, day, []int{3, 1, 0, 2, 4}},
		{"centuries", []poller.Time{36500 * day, 1, 18250 * day}, 40000 * day, []int{1, 2, 0}},
		{"huge", []poller.Time{poller.Never, 1e6}, 40000 * day, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, steps := range []poller.Time{1, 7, 1000} {
				q, ts, now := newTimeouts(max(1, len(test.dues)))
				for i, d := range test.dues {
					if d < poller.Never-now {
						d += now
					} else {
						d = poller.Never - 1
					}
					q.set(&ts[i], d)
				}
				got := []int{}
				for i := range steps {
					got = append(got, pass(q, ts, now+test.at/steps*(i+1)+test.at%steps, nil)...)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("in %d passes: %v, want %v", steps, got, test.want)
				}
				if want := len(test.dues) - len(got); q.len() != want {
					t.Errorf("len %d, want %d", q.len(), want)
				}
			}
		})
	}
}

func TestTimeoutsReachTheEndOfTime(t *testing.T) {
	q, ts, now := newTimeouts(3)
	q.set(&ts[0], poller.Never-1)
	q.set(&ts[1], poller.Never-2)
	q.set(&ts[2], now+1)
	for _, want := range []poller.Time{now + 1, poller.Never - 2, poller.Never - 1, poller.Never} {
		if got := q.next(); got != want {
			t.Fatalf("next is %d, want %d", got, want)
		}
		pass(q, ts, q.next(), nil)
	}
}

// What a callback arms waits for the next pass, also if it is due at once or
// was due already; and then it comes after what was armed before it.
func TestTimeoutsArmedInAPassWait(t *testing.T) {
	for _, d := range []poller.Time{0, -1, -day} {
		q, ts, now := newTimeouts(4)
		q.set(&ts[0], now+1)
		q.set(&ts[1], now+2)
		q.set(&ts[2], now+5*tick)
		now += 5 * tick
		got := pass(q, ts, now, func(i int) { q.set(&ts[(i+3)%4], now+d) })
		if want := []int{0, 1, 2}; !slices.Equal(got, want) {
			t.Errorf("armed %d from now: the pass gave %v, want %v", d, got, want)
		}
		if got, want := pass(q, ts, now, nil), []int{3, 0, 1}; !slices.Equal(got, want) {
			t.Errorf("armed %d from now: the next pass gave %v, want %v", d, got, want)
		}
	}
}

// A pass whose time moves on must find what came due meanwhile behind what was
// armed in it.
func TestTimeoutsBehindThePass(t *testing.T) {
	q, ts, now := newTimeouts(5)
	for i, d := range []poller.Time{1, 20, 10 * tick, 500 * tick} {
		q.set(&ts[i], now+d)
	}
	before := q.seq + 1
	if got := q.pop(now+10, before); got != &ts[0] {
		t.Fatal("the first did not come")
	}
	q.set(&ts[0], now+10)
	q.set(&ts[4], now+11*tick)
	for i, want := range []*Timeout{&ts[1], &ts[2], nil} {
		if got := q.pop(now+100*tick, before); got != want {
			t.Fatalf("pop %d gave %p, want %p", i, got, want)
		}
	}
	if got, want := pass(q, ts, now+500*tick, nil), []int{0, 4, 3}; !slices.Equal(got, want) {
		t.Errorf("the next pass gave %v, want %v", got, want)
	}
}

// Three are due in one pass; the first stops the second and the third.
func TestTimeoutsStopOfADueTimerHolds(t *testing.T) {
	for _, d := range []poller.Time{0, 1, tick, 60e9, day} {
		q, ts, now := newTimeouts(3)
		for i := range ts {
			q.set(&ts[i], now+d)
		}
		got := pass(q, ts, now+day, func(i int) {
			for j := range ts {
				if stopped := q.stop(&ts[j]); stopped != (j > i) {
					t.Errorf("stop of %d in the callback of %d: %v", j, i, stopped)
				}
			}
		})
		if !slices.Equal(got, []int{0}) || q.len() != 0 || q.next() != poller.Never {
			t.Errorf("due in %d: %v expired, %d are left", d, got, q.len())
		}
	}
}

func TestTimeoutAccessors(t *testing.T) {
	q, ts, now := newTimeouts(1)
	to := &ts[0]
	check := func(armed bool, due poller.Time) {
		t.Helper()
		if to.Armed() != armed || to.Due() != due {
			t.Errorf("armed %v, due %d, want %v and %d", to.Armed(), to.Due(), armed, due)
		}
	}
	check(false, 0)
	q.set(to, now+day)
	check(true, now+day)
	q.set(to, now-day)
	check(true, now)
	if q.pop(now, all) != to {
		t.Fatal("it did not come")
	}
	check(false, now)
	if q.stop(to) {
		t.Error("stop found it armed")
	}
}

// An idle loop sleeps until next, passes, and sleeps again: it wakes once for
// each due, however far away, and in vain only where the first of very many
// timers close by each other has gone.
func TestTimeoutsWakeAnIdleLoopOnce(t *testing.T) {
	for _, test := range []struct{ armed, stopped, vain int }{
		{1, 0, 0},
		{20, 0, 0},
		{20, 19, 0},
		{200, 0, 0},
		{200, 1, 1},
		{200, 199, 1},
	} {
		for _, d := range []poller.Time{1, 1e6, 60e9, 3600e9, day, 365 * day} {
			q, ts, now := newTimeouts(test.armed)
			for i := range ts {
				q.set(&ts[i], now+d+poller.Time(i))
			}
			for i := range test.stopped {
				q.next()
				q.stop(&ts[i])
			}
			wakes := 0
			for ; q.len() > 0; wakes++ {
				pass(q, ts, q.next(), nil)
			}
			if vain := wakes - (test.armed - test.stopped); vain > test.vain {
				t.Errorf("%+v in %v: %d wake-ups in vain", test, time.Duration(d), vain)
			}
		}
	}
}

// Moving one timer on, as each packet of a connection does, costs no wake-up.
func TestTimeoutsMovedOnDoNotWake(t *testing.T) {
	q, ts, now := newTimeouts(2)
	q.set(&ts[1], now+3*day)
	for range 100_000 {
		now += 1e9
		q.set(&ts[0], now+60e9)
		if got := q.next(); got != min(now+60e9, ts[1].due) {
			t.Fatalf("next is %v away, want a minute", time.Duration(got-now))
		}
	}
}

// A loop that comes late must not find everything in the heap.
func TestTimeoutsKeepTheHeapSmall(t *testing.T) {
	q, ts, now := newTimeouts(20_000)
	for i := range ts {
		q.set(&ts[i], now+poller.Time(i*7919%len(ts))*tick)
	}
	last := poller.Time(0)
	for n := range ts {
		to := q.pop(now+day, all)
		if to == nil || to.due < last {
			t.Fatalf("pop %d is out of order", n)
		}
		last = to.due
	}
	if got := cap(q.heap); got > 16 {
		t.Errorf("the heap has grown to %d entries", got)
	}
}

func TestTimeoutsAllocateNothing(t *testing.T) {
	q, ts, now := newTimeouts(1000)
	r := rand.New(rand.NewPCG(1, 2))
	far := func() poller.Time { return now + poller.Time(r.Int64N(int64(100e9>>r.IntN(36)))) }
	turn := func() {
		now += poller.Time(r.Int64N(5e6))
		before := q.seq + 1
		for to := q.pop(now, before); to != nil; to = q.pop(now, before) {
			q.set(to, far())
		}
		for range 10 {
			q.set(&ts[r.IntN(len(ts))], far())
			i := r.IntN(len(ts))
			q.stop(&ts[i])
			q.set(&ts[i], far())
		}
		q.next()
	}
	q.heap = make(dueHeap, 0, len(ts)) // its growth is what may allocate
	if n := testing.AllocsPerRun(10_000, turn); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}

// Every handle with a timeout carries this; connections carry several.
func TestTimeoutSize(t *testing.T) {
	want := uintptr(56)
	if unsafe.Sizeof(uintptr(0)) == 4 {
		want = 40
	}
	if got := unsafe.Sizeof(Timeout{}); got > want {
		t.Errorf("a Timeout takes %d bytes, want at most %d", got, want)
	}
}

const million = 1_000_000

// A timerQueue is what the benchmarks compare: the wheel and, as the plain way
// to do it, its heap alone.
type timerQueue interface {
	set(*Timeout, poller.Time)
	stop(*Timeout) bool
	pop(now poller.Time, before uint64) *Timeout
}

type plainHeap struct {
	heap dueHeap
	seq  uint64
}

func (q *plainHeap) set(t *Timeout, due poller.Time) {
	q.seq++
	t.due, t.seq = due, q.seq
	if t.place == inHeap {
		q.heap.fix(int(t.index), dueEntry{due, t.seq, t})
		return
	}
	t.place = inHeap
	q.heap.push(t)
}

func (q *plainHeap) stop(t *Timeout) bool {
	q.heap.remove(int(t.index))
	t.place = nowhere
	return true
}

func (q *plainHeap) pop(now poller.Time, _ uint64) *Timeout {
	if len(q.heap) == 0 || q.heap[0].due > now {
		return nil
	}
	t := q.heap[0].t
	q.stop(t)
	return t
}

// benchTimeouts runs op for both queues with a million timers, due in 1 s to
// 60 s, that were armed in an order which is not that of memory.
func benchTimeouts(b *testing.B, op func(q timerQueue, t *Timeout, now *poller.Time, span poller.Time)) {
	for _, name := range []string{"wheel", "heap"} {
		b.Run(name, func(b *testing.B) {
			w, _, now := newTimeouts(0)
			q := timerQueue(w)
			if name == "heap" {
				q = new(plainHeap)
			}
			ts := make([]struct {
				Timeout
				_ [64 - unsafe.Sizeof(Timeout{})]byte // a cache line each
			}, million)
			state := uint64(1) // of a generator that costs less than what is measured
			draw := func(n uint64) uint64 {
				state = state*6364136223846793005 + 1442695040888963407
				return (state >> 32) * n >> 32
			}
			span := func() poller.Time { return poller.Time(1000+draw(59_000)) * 1e6 }
			for i := range ts {
				q.set(&ts[i].Timeout, now+span())
			}
			for range 2 * million {
				q.set(&ts[draw(million)].Timeout, now+span())
			}
			b.ReportAllocs()
			for b.Loop() {
				op(q, &ts[draw(million)].Timeout, &now, span()+poller.Time(draw(1e6)))
			}
		})
	}
}

func BenchmarkTimeoutRestart(b *testing.B) {
	benchTimeouts(b, func(q timerQueue, t *Timeout, now *poller.Time, span poller.Time) {
		q.set(t, *now+span)
	})
}

func BenchmarkTimeoutStopStart(b *testing.B) {
	benchTimeouts(b, func(q timerQueue, t *Timeout, now *poller.Time, span poller.Time) {
		q.stop(t)
		q.set(t, *now+span)
	})
}

// BenchmarkTimeoutFire arms what it fires again, so that there stay a million.
func BenchmarkTimeoutFire(b *testing.B) {
	benchTimeouts(b, func(q timerQueue, _ *Timeout, now *poller.Time, span poller.Time) {
		t := q.pop(*now, all)
		for t == nil {
			*now += 1e6
			t = q.pop(*now, all)
		}
		q.set(t, *now+span)
	})
}
