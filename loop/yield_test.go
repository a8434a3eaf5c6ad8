package loop

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"example.com/pike/poller"
)

// A loop lets goroutines run before it polls if it has answered one, has handed out
// work, or has not done so for long. On one processor nobody else would run them.
func TestYield(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, deadline := range map[string]poller.Time{"sleeps": poller.Never, "does not wait": atOnce} {
		t.Run(name, func(t *testing.T) { yields(t, deadline) })
	}
}

func yields(t *testing.T, deadline poller.Time) {
	for name, c := range map[string]struct {
		do    func(l *Loop, spawn func())
		sleep poller.Time
		want  bool
	}{
		"nothing": {func(l *Loop, spawn func()) { spawn() }, 0, false},
		"long":    {func(l *Loop, spawn func()) { spawn() }, poller.Time(yieldEvery), true},
		"post": {func(l *Loop, spawn func()) {
			l.Post(spawn)
			l.runPosts()
		}, 0, true},
		"work": {func(l *Loop, spawn func()) {
			Work(t.Context(), l, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
		}, 0, true},
	} {
		const rounds = 20
		var ran atomic.Int64
		spawn := func() { go ran.Add(1) }
		r := &recorder{}
		l, err := New(Options{Poller: r, Executor: executor(func(fn func()) error {
			go func() {
				ran.Add(1)
				fn()
			}()
			return nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for range rounds {
			r.now += c.sleep
			l.now = r.now
			ran.Store(0)
			c.do(l, spawn)
			if err := l.wait(deadline); err != nil {
				t.Fatal(err)
			}
			if ran.Load() > 0 {
				seen++
			}
			for ran.Load() == 0 {
				runtime.Gosched()
			}
		}
		// The scheduler takes now and then the loop's goroutine first, or ends its time.
		if most := seen > rounds/2; most != c.want {
			t.Errorf("after %s: others had run in %d of %d rounds", name, seen, rounds)
		}
		l.Close()
	}
}

// A loop whose yields take long does not go on yielding: others have all processors to
// themselves, and would have its own most of the time.
func TestYieldsFewAmongMany(t *testing.T) {
	r := &recorder{step: poller.Time(yieldMost) + 1}
	l, err := New(Options{Poller: r})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	yields := 0
	begin := r.now
	for yields < 5 {
		l.updateNow()
		l.yields.owe()
		if err := l.wait(poller.Never); err != nil {
			t.Fatal(err)
		}
		if l.yields.last == l.now {
			yields++
		}
	}
	if took, least := r.now-begin, 2*poller.Time(crowdedFor); took < least {
		t.Errorf("five yields in %d, want %d at least", took, least)
	}
	if took, most := r.now-begin, 3*poller.Time(crowdedFor); took > most {
		t.Errorf("five yields in %d, want %d at most", took, most)
	}
	r.step = 0
	l.now = l.yields.crowded
	for range 3 {
		l.now++
		l.yields.owe()
		if err := l.wait(poller.Never); err != nil {
			t.Fatal(err)
		}
		if l.yields.last != l.now {
			t.Error("a yield that takes no time is left out")
		}
	}
}

type executor func(func()) error

func (e executor) Submit(fn func()) error { return e(fn) }
