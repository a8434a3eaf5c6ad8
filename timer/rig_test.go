package timer_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

func TestMain(m *testing.M) {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "running before any test:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// A clock is a poller whose time stands still but for waiting, and for tests
// that set it.
type clock struct {
	poller.Poller
	now   poller.Time
	polls []poller.Time // the deadlines asked for

	// oversleep is how much later than asked it wakes up; a negative one is early.
	oversleep time.Duration
}

func (c *clock) Now() poller.Time { return c.now }
func (c *clock) Wake() error      { return nil }
func (c *clock) Close() error     { return nil }

func (c *clock) Poll(deadline poller.Time) error {
	c.polls = append(c.polls, deadline)
	switch {
	case deadline == poller.Never:
		return errors.New("nothing can happen any more")
	case deadline > c.now:
		if wake := deadline.Add(c.oversleep); wake > c.now {
			c.now = wake
		} else {
			c.now = deadline
		}
	}
	return nil
}

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// start is what a clock reads at first.
const start = poller.Time(time.Second)

func newLoop(t testing.TB) (*loop.Loop, *clock) {
	t.Helper()
	c := &clock{now: start}
	return open(t, loop.Options{Poller: c}), c
}

func open(t testing.TB, o loop.Options) *loop.Loop {
	t.Helper()
	lp, err := loop.New(o)
	no(t, err)
	t.Cleanup(func() { lp.Close() })
	return lp
}

// turn runs what is due, and does not wait.
func turn(t testing.TB, lp *loop.Loop) {
	t.Helper()
	_, err := lp.RunNoWait()
	no(t, err)
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}
