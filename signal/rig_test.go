package signal_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; nothing is expected to take so long.
const patience = 60 * time.Second

// newLoop returns a loop that ends with the test.
func newLoop(t *testing.T, o ...loop.Options) *loop.Loop {
	t.Helper()
	var opts loop.Options
	if len(o) > 0 {
		opts = o[0]
	}
	lp, err := loop.New(opts)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend for this system yet: ", err)
	}
	no(t, err)
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error("closing the loop: ", err)
		}
	})
	return lp
}

// run runs lp until it ends by itself or is stopped.
func run(t *testing.T, lp *loop.Loop) {
	t.Helper()
	late := false
	guard, err := timer.After(lp, patience, func() { late = true; lp.Stop() })
	no(t, err)
	guard.Unref()
	no(t, lp.Run())
	if late {
		t.Fatalf("the loop still ran after %v", patience)
	}
	guard.Stop()
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// never fails the test when a signal comes.
func never(t *testing.T) func(os.Signal) {
	return func(s os.Signal) { t.Errorf("%v was delivered", s) }
}
