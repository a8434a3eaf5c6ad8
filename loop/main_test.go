package loop_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// TestMain finds that importing pike starts no goroutine, and that its tests
// leave none.
func TestMain(m *testing.M) {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "running before any test:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait. Nothing is expected to take so long, on however
// busy a machine.
const patience = 60 * time.Second

// newLoop returns a loop that the end of the test closes.
func newLoop(t testing.TB, o loop.Options) *loop.Loop {
	t.Helper()
	lp, err := loop.New(o)
	no(t, err)
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error("closing the loop:", err)
		}
	})
	return lp
}

// run runs lp until it ends by itself, or fails the test.
func run(t testing.TB, lp *loop.Loop) {
	t.Helper()
	defer bound(t, lp)()
	no(t, lp.Run())
}

// bound fails the test if lp is not done, which its result says, in time. It
// uses no timer of pike.
func bound(t testing.TB, lp *loop.Loop) (done func()) {
	t.Helper()
	var late atomic.Bool
	guard := time.AfterFunc(patience, func() { late.Store(true); lp.Stop() })
	return func() {
		t.Helper()
		guard.Stop()
		if late.Load() {
			t.Fatalf("the loop still ran after %v", patience)
		}
	}
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

// errDeadlock is what a fakePoller says where a real one would wait for ever.
var errDeadlock = errors.New("nothing can happen any more")

// A fakePoller has a clock that stands still but for waiting.
type fakePoller struct {
	poller.Poller
	now    poller.Time
	polls  []poller.Time // the deadlines asked for
	wakes  atomic.Int32
	closed bool

	onPoll func() // its upcalls
}

func (p *fakePoller) Now() poller.Time { return p.now }
func (p *fakePoller) Wake() error      { p.wakes.Add(1); return nil }
func (p *fakePoller) Close() error     { p.closed = true; return nil }

func (p *fakePoller) Poll(deadline poller.Time) error {
	p.polls = append(p.polls, deadline)
	switch {
	case p.onPoll != nil:
		p.onPoll()
	case deadline == poller.Never:
		return errDeadlock
	}
	if deadline != poller.Never {
		p.now = max(p.now, deadline)
	}
	return nil
}

// newFake returns a loop on a fakePoller whose clock reads a second.
func newFake(t testing.TB) (*loop.Loop, *fakePoller) {
	t.Helper()
	p := &fakePoller{now: poller.Time(time.Second)}
	return newLoop(t, loop.Options{Poller: p}), p
}

// A wakeMeter counts what a loop asks of its poller.
type wakeMeter struct {
	poller.Poller
	polls, wakes atomic.Int32
}

func (p *wakeMeter) Poll(deadline poller.Time) error {
	p.polls.Add(1)
	return p.Poller.Poll(deadline)
}

func (p *wakeMeter) Wake() error {
	p.wakes.Add(1)
	return p.Poller.Wake()
}

func newMetered(t testing.TB) (*loop.Loop, *wakeMeter) {
	t.Helper()
	p, err := system.Open("")
	no(t, err)
	m := &wakeMeter{Poller: p}
	return newLoop(t, loop.Options{Poller: m}), m
}

// child is set in processes that a test has started to see them die.
const child = "PIKE_TEST_CHILD"

// dies runs fn in another process and returns what that wrote to standard error
// before it died of a panic.
func dies(t *testing.T, fn func()) (stderr string) {
	t.Helper()
	if os.Getenv(child) == t.Name() {
		fn()
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), child+"="+t.Name())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Fatalf("the child ended with %v, want status 2:\n%s", err, out)
	}
	return string(out)
}
