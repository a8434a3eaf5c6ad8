package pipe_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/timer"
)

// patience bounds every wait. Nothing is expected to take so long, on however busy a machine.
const patience = 60 * time.Second

// A rig is a loop and what a test does with it.
type rig struct {
	testing.TB
	lp *loop.Loop
}

func newRig(t testing.TB, o ...loop.Options) *rig {
	t.Helper()
	var opts loop.Options
	if len(o) > 0 {
		opts = o[0]
	}
	lp, err := loop.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing the loop: %v", err)
		}
	})
	return &rig{t, lp}
}

// until runs turns of the loop until cond holds.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	late := false
	g, err := timer.After(r.lp, patience, func() { late = true })
	r.no(err)
	g.Unref()
	for !cond() {
		alive, err := r.lp.RunOnce()
		r.no(err)
		if late || !alive && !cond() {
			r.Fatalf("waited in vain until %s (loop alive: %v)", what, alive)
		}
	}
	g.Stop()
}

// run runs the loop until it ends by itself.
func (r *rig) run() {
	r.Helper()
	late := false
	g, err := timer.After(r.lp, patience, func() { late = true; r.lp.Stop() })
	r.no(err)
	g.Unref()
	r.no(r.lp.Run())
	if late {
		r.Fatalf("the loop still ran after %v", patience)
	}
	g.Stop()
}

// turns runs n turns that do not wait.
func (r *rig) turns(n int) {
	r.Helper()
	for range n {
		_, err := r.lp.RunNoWait()
		r.no(err)
	}
}

func (r *rig) no(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) is(err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Fatalf("error %v, want %v", err, want)
	}
}

func (r *rig) equal(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// files are both ends of a pipe. The test closes what it does not close itself.
func (r *rig) files() (in, out *os.File) {
	r.Helper()
	in, out, err := os.Pipe()
	r.no(err)
	r.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}

// open is pipe.Open of a file that the Conn alone has from then on.
func (r *rig) open(f *os.File) *watched {
	r.Helper()
	c, err := pipe.Open(r.lp, f, nil)
	r.no(err)
	r.no(f.Close())
	return r.watch(c)
}

// pipe is both ends of a pipe as Conns.
func (r *rig) pipe() (in, out *watched) {
	r.Helper()
	i, o := r.files()
	return r.open(i), r.open(o)
}

// A watched is a Conn and what became of it.
type watched struct {
	*pipe.Conn
	got    []byte
	closed bool
	reason error
}

func (r *rig) watch(c *pipe.Conn) *watched {
	w := &watched{Conn: c}
	c.OnRead = func(_ *pipe.Conn, p []byte) { w.got = append(w.got, p...) }
	c.OnClose = func(_ *pipe.Conn, err error) {
		if w.closed {
			r.Error("OnClose twice")
		}
		w.closed, w.reason = true, err
	}
	return w
}

// untilClosed waits for the end of w, and looks at the reason.
func (r *rig) untilClosed(w *watched, reason error) {
	r.Helper()
	r.until("it is closed", func() bool { return w.closed })
	if !errors.Is(w.reason, reason) {
		r.Fatalf("it was closed for %v, want %v", w.reason, reason)
	}
}
