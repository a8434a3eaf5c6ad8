package loop

import (
	"context"
	"testing"

	"example.com/pike/poller"
)

// A recorder is a poller that only notes how long it was to wait.
type recorder struct {
	poller.Poller
	deadline poller.Time
}

func (*recorder) Now() poller.Time                  { return 1 }
func (*recorder) Wake() error                       { return nil }
func (*recorder) Close() error                      { return nil }
func (r *recorder) Poll(deadline poller.Time) error { r.deadline = deadline; return nil }

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
		l.sleeping.Store(false)
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
