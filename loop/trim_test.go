package loop

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"example.com/pike/poller"
)

// aside is a handle that is deferred, has a Timeout that is due, and closes.
type aside struct {
	Base
	timeout Timeout
}

func (a *aside) Close() error {
	a.Loop().Maker().StopTimeout(&a.timeout)
	if a.Loop().Maker().BeginClose(a) {
		a.Loop().Maker().EndClose(a, a)
	}
	return nil
}
func (*aside) Finished()          {}
func (*aside) Flush()             {}
func (*aside) Expired(t *Timeout) {}

// burst makes everything that a loop queues large, twice over as queues are pairs of
// slices. keep stays, and holds the loop.
func burst(t *testing.T, l *Loop) (keep *aside) {
	t.Helper()
	const n = 20 * keptMost
	keep = new(aside)
	for range 2 {
		all := make([]*aside, n)
		for i := range all {
			a := new(aside)
			all[i] = a
			a.timeout.Init(a)
			if err := l.Maker().Attach(a); err != nil {
				t.Fatal(err)
			}
			l.Maker().SetTimeout(&a.timeout, l.now) // into the heap
			l.Maker().Defer(a)
			l.Post(func() {})
		}
		if err := l.Maker().Attach(keep); err != nil { // behind all that go
			t.Fatal(err)
		}
		for _, a := range all {
			a.Close()
		}
		for l.busy() {
			if _, err := l.RunNoWait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.Maker().SetActive(keep, true)
	return keep
}

// kept is the largest of what the loop keeps, in entries.
func kept(l *Loop) int {
	return max(cap(l.mail.in), cap(l.mail.out), cap(l.deferred.next), cap(l.deferred.round),
		cap(l.finishes.next), cap(l.finishes.round), cap(l.timers.heap), int(l.handles.used), cap(l.handles.gaps))
}

func TestBurstsAreForgotten(t *testing.T) {
	for name, after := range map[string]func(t *testing.T, l *Loop, r *recorder){
		"by turns": func(t *testing.T, l *Loop, _ *recorder) {
			for range 10 * trimTurns {
				if _, err := l.RunNoWait(); err != nil {
					t.Fatal(err)
				}
			}
		},
		"by the clock": func(t *testing.T, l *Loop, r *recorder) {
			for range 100 {
				if _, err := l.RunOnce(); err != nil {
					t.Fatal(err)
				}
				if r.deadline == poller.Never {
					return
				}
				if late := r.deadline.Sub(r.Now()); late > trimEvery {
					t.Fatalf("it waits for %v", late)
				}
				r.now = max(r.now, r.deadline)
			}
			t.Error("it goes on waking up")
		},
		"when it is embedded": func(t *testing.T, l *Loop, r *recorder) {
			for range 100 {
				if l.Timeout() < 0 {
					return
				}
				r.now += poller.Time(l.Timeout())
				if _, err := l.RunNoWait(); err != nil {
					t.Fatal(err)
				}
			}
			t.Error("it goes on asking for turns")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := new(recorder)
			l, err := New(Options{Poller: r})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			keep := burst(t, l)
			if n := kept(l); n < 20*keptMost {
				t.Fatalf("%d entries are no burst", n)
			}
			began := r.now
			after(t, l, r)
			if n := kept(l); n > keptMost {
				t.Errorf("%d entries are kept, want %d at most", n, keptMost)
			}
			if took := r.now - began; took > poller.Time(2*time.Second) {
				t.Errorf("it took %v", time.Duration(took))
			}
			if keep.index == 0 || *l.handles.at(keep.index - 1) != Handle(keep) {
				t.Error("a handle has lost its place")
			}
		})
	}
}

// What is in use stays, and is not copied again and again.
func TestWhatIsInUseIsKept(t *testing.T) {
	r := new(recorder)
	l, err := New(Options{Poller: r})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const n = 20 * keptMost
	for range n {
		a := new(aside)
		a.timeout.Init(a)
		if err := l.Maker().Attach(a); err != nil {
			t.Fatal(err)
		}
		l.Maker().SetTimeout(&a.timeout, l.now)
		l.Maker().Defer(a)
		l.Post(func() {})
	}
	l.giveBack()
	l.giveBack()
	if l.timers.len() < n || len(l.deferred.next) != n || len(l.mail.in) != n || l.handles.n != n {
		t.Errorf("after giving back there are %d timers, %d deferred, %d posted, %d handles, want %d",
			l.timers.len(), len(l.deferred.next), len(l.mail.in), l.handles.n, n)
	}
	if by := l.trimBy(); by != poller.Never {
		t.Errorf("the loop is to wake up at %d", by)
	}
}

// The table against a model, with trims at any time.
func TestHandlesTrimmed(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var s handles
	in := map[*placed]bool{}
	var list []*placed
	for round := range 40 {
		grow := round%2 == 0
		for range random.IntN(3 * keptMost) {
			if grow || len(list) == 0 {
				h := new(placed)
				s.add(h, &h.Base)
				in[h] = true
				list = append(list, h)
				continue
			}
			i := random.IntN(len(list))
			h := list[i]
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			delete(in, h)
			s.remove(&h.Base)
			if random.IntN(500) == 0 {
				s.trim()
			}
		}
		for s.trim() {
		}
		if int(s.n) != len(in) || len(s.all()) != len(in) || s.large() {
			t.Fatalf("%d handles, %d in the table, used %d, large %v", len(in), s.n, s.used, s.large())
		}
		for h := range in {
			if *s.at(h.index - 1) != Handle(h) {
				t.Fatal("a handle is not in its place")
			}
		}
	}
}

// Millions of posts leave little behind when Run returns.
func TestMemoryAfterAFlood(t *testing.T) {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	fn := func() {}
	for range 2 {
		for range 1 << 20 {
			l.Post(fn)
		}
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
	}
	if kept := heap() - before; kept > 1<<20 {
		t.Errorf("%d KiB are kept, want 1 MiB at most", kept>>10)
	}
}
