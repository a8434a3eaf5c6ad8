package loop

import (
	"context"
	"testing"
	"time"

	"example.com/pike/poller"
)

// A recorder is a poller that only notes how long it was to wait, and has the time it
// is given.
type recorder struct {
	poller.Poller
	deadline, now poller.Time
	step          poller.Time // which each reading of the clock takes
	told          func()
}

func (r *recorder) Now() poller.Time {
	r.now += r.step
	return r.now + 1
}

func (*recorder) Wake() error { return nil }

func (*recorder) Close() error { return nil }

func (r *recorder) Poll(deadline poller.Time) error {
	if r.deadline = deadline; r.told != nil {
		r.told()
	}
	return nil
}

// What the poller calls back after a long wait is not told the time before it: a timeout that
// it arms from there would be due at once.
func TestNowAfterTheWait(t *testing.T) {
	r := new(recorder)
	l, err := New(Options{Poller: r})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var told, again poller.Time
	r.told = func() {
		r.now += poller.Time(time.Hour)
		told = l.Now()
		r.now++
		again = l.Now()
	}
	if _, err := l.NewAsync(func() {}); err != nil { // or there is nothing to wait for
		t.Fatal(err)
	}
	if _, err := l.RunOnce(); err != nil {
		t.Fatal(err)
	}
	if want := poller.Time(time.Hour) + 1; told != want || again != want {
		t.Errorf("Now was %d and then %d, want %d", told, again, want)
	}
	if want := r.Now(); l.Now() != want {
		t.Errorf("after the poll Now is %d, want %d", l.Now(), want)
	}
}

// A turn that does not wait may take long all the same, before it polls.
func TestNowAfterLongPosts(t *testing.T) {
	r := new(recorder)
	l, err := New(Options{Poller: r})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var told poller.Time
	r.told = func() { told = l.Now() }
	l.Post(func() { r.now += poller.Time(time.Hour) })
	if _, err := l.RunNoWait(); err != nil {
		t.Fatal(err)
	}
	if want := poller.Time(time.Hour) + 1; told != want {
		t.Errorf("Now was %d, want %d", told, want)
	}
}

// A Post or Stop that finds the loop awake does not wake it, and may come after
// the loop has looked for the last time before it sleeps: a window too small to
// be hit from outside, so that the second look is tested by itself.
func TestLastLookBeforeSleep(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, late := range map[string]func(*Loop){
		"post":   func(l *Loop) { l.Post(func() {}) },
		"stop":   (*Loop).Stop,
		"cancel": func(l *Loop) { l.ctx = ended },
		"":       func(*Loop) {},
	} {
		r := &recorder{}
		l, err := New(Options{Poller: r})
		if err != nil {
			t.Fatal(err)
		}
		l.sleep.Store(awake)
		late(l)
		if err := l.wait(poller.Never); err != nil {
			t.Fatal(err)
		}
		if sleeps := name == ""; (r.deadline == poller.Never) != sleeps {
			t.Errorf("after a late %q the loop waited until %d", name, r.deadline)
		}
		l.Close()
	}
}
