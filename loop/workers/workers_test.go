package workers_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
)

var _ loop.Executor = (*workers.Pool)(nil)

func open(t *testing.T, o workers.Options) *workers.Pool {
	t.Helper()
	p, err := workers.New(o)
	no(t, err)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			is(t, err, net.ErrClosed)
		}
	})
	return p
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

// patience bounds every wait.
const patience = 60 * time.Second

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain until ", what)
	}
}

func TestFirstInFirstOut(t *testing.T) {
	const jobs = 1000
	p := open(t, workers.Options{Size: 1})
	next := 0
	for i := range jobs {
		no(t, p.Submit(func() {
			if next != i {
				t.Errorf("job %d ran when %d was next", i, next)
			}
			next++
		}))
	}
	no(t, p.Close())
	equal(t, "jobs", next, jobs)
}

// Size jobs run at the same time, which they wait for, and never more.
func TestSize(t *testing.T) {
	for _, size := range []int{1, 3, 10} {
		p := open(t, workers.Options{Size: size})
		var running, most atomic.Int32
		var together sync.WaitGroup
		together.Add(size)
		for i := range 10 * size {
			no(t, p.Submit(func() {
				most.Store(max(most.Load(), running.Add(1)))
				if i < size {
					together.Done()
					together.Wait()
				}
				runtime.Gosched()
				running.Add(-1)
			}))
		}
		no(t, p.Close())
		equal(t, "jobs at the same time", int(most.Load()), size)
	}
}

func TestDefaultSize(t *testing.T) {
	p := open(t, workers.Options{})
	var together sync.WaitGroup
	together.Add(4 * runtime.GOMAXPROCS(0))
	all := make(chan struct{})
	for range 4 * runtime.GOMAXPROCS(0) {
		no(t, p.Submit(func() {
			together.Done()
			<-all
		}))
	}
	together.Wait()
	close(all)
}

// The bound is on the jobs that wait: not on those that a free goroutine is
// about to begin.
func TestMaxQueued(t *testing.T) {
	const size, queued = 4, 3
	for range 100 {
		p := open(t, workers.Options{Size: size, MaxQueued: queued})
		release := make(chan struct{})
		var ran atomic.Int32
		for range size + queued {
			no(t, p.Submit(func() { <-release; ran.Add(1) }))
		}
		is(t, p.Submit(func() { t.Error("a refused job runs") }), workers.ErrFull)
		close(release)
		for p.Submit(func() { ran.Add(1) }) != nil { // until there is room again
			runtime.Gosched()
		}
		no(t, p.Close())
		equal(t, "jobs", ran.Load(), size+queued+1)
	}
}

func TestSubmitDoesNotWait(t *testing.T) {
	p := open(t, workers.Options{Size: 1})
	release, ended := make(chan struct{}), make(chan struct{})
	no(t, p.Submit(func() { <-release }))
	for range 1000 {
		no(t, p.Submit(func() {}))
	}
	no(t, p.Submit(func() { close(ended) }))
	close(release)
	wait(t, "the last job ran", ended)
}

func TestSubmitFromJobs(t *testing.T) {
	p := open(t, workers.Options{Size: 2})
	ended := make(chan struct{})
	var left atomic.Int32
	left.Store(1000)
	var next func()
	next = func() {
		switch n := left.Add(-1); {
		case n == 0:
			close(ended)
		case n > 0:
			if err := p.Submit(next); err != nil {
				t.Error(err)
			}
		}
	}
	no(t, p.Submit(next))
	wait(t, "the last job ran", ended)
}

// A job that ends its goroutine takes nothing from the pool.
func TestGoexit(t *testing.T) {
	const size, jobs = 3, 300
	p := open(t, workers.Options{Size: size})
	var ran atomic.Int32
	for range jobs {
		no(t, p.Submit(func() {
			ran.Add(1)
			runtime.Goexit()
		}))
	}
	var together sync.WaitGroup
	together.Add(size)
	for range size {
		no(t, p.Submit(func() { together.Done(); together.Wait() }))
	}
	no(t, p.Close())
	equal(t, "jobs", ran.Load(), jobs)
}

func TestCloseWaits(t *testing.T) {
	p := open(t, workers.Options{Size: 2})
	release := make(chan struct{})
	var ran atomic.Int32
	for range 10 { // two run, eight are queued
		no(t, p.Submit(func() { <-release; ran.Add(1) }))
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := ran.Load(); n != 10 {
			t.Errorf("closed after %d of 10 jobs", n)
		}
	}()
	for p.Submit(func() { ran.Add(-1); ran.Add(1) }) == nil { // until Close has begun
		runtime.Gosched()
	}
	is(t, p.Submit(func() {}), net.ErrClosed)
	is(t, p.Close(), net.ErrClosed)
	select {
	case <-closed:
		t.Error("closed while its jobs run")
	default:
	}
	close(release)
	wait(t, "Close returned", closed)
}

func TestCloseEndsItsGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent() // ants itself has two
	p := open(t, workers.Options{Size: 8})
	for range 100 {
		no(t, p.Submit(runtime.Gosched))
	}
	no(t, p.Close())
	goleak.VerifyNone(t, before)
}

func TestMisuse(t *testing.T) {
	for _, o := range []workers.Options{{Size: -1}, {MaxQueued: -1}} {
		_, err := workers.New(o)
		is(t, err, os.ErrInvalid)
	}
	p := open(t, workers.Options{Size: 1})
	is(t, p.Submit(nil), os.ErrInvalid)
	ran := false
	no(t, p.Submit(func() { ran = true }))
	no(t, p.Close())
	equal(t, "ran", ran, true)
}

// A job that waited for its own pool would do so for ever, and so would two for each
// other's.
func TestCloseInsideAJob(t *testing.T) {
	p, other := open(t, workers.Options{Size: 2}), open(t, workers.Options{Size: 1})
	answers := make(chan error, 3)
	no(t, p.Submit(func() { answers <- p.Close() }))
	no(t, p.Submit(func() { answers <- other.Close() }))
	no(t, p.Submit(func() {
		defer func() { answers <- p.Close() }()
		runtime.Goexit()
	}))
	for range cap(answers) {
		select {
		case err := <-answers:
			is(t, err, os.ErrInvalid)
		case <-time.After(patience):
			t.Fatal("Close does not return")
		}
	}
	no(t, p.Submit(func() {})) // it is open
	no(t, p.Close())
	no(t, other.Close())
	is(t, p.Close(), net.ErrClosed)
}

const child = "PIKE_TEST_CHILD"

func TestPanicEndsTheProgram(t *testing.T) {
	if os.Getenv(child) != "" {
		p := open(t, workers.Options{Size: 1})
		no(t, p.Submit(panicInAJob))
		time.Sleep(patience)
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPanicEndsTheProgram$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Fatalf("the child ended with %v, want status 2:\n%s", err, out)
	}
	for _, want := range []string{"panic: boom", "panicInAJob("} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in what it wrote:\n%s", want, out)
		}
	}
}

//go:noinline
func panicInAJob() { panic("boom") }
