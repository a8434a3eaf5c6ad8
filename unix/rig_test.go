//go:build !windows

package unix_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

// patience bounds every wait of a test. None is expected to take so long.
const patience = time.Minute

// A rig is a loop of a test, and a folder for its sockets.
type rig struct {
	*testing.T
	lp  *loop.Loop
	dir string
}

func newRig(t *testing.T) *rig {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lp.Close() })
	return &rig{t, lp, shortDir(t)}
}

// shortDir is a folder whose name leaves room for a socket's, as that of t.TempDir does not on macOS.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pike")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) no(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) is(what string, err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%s: %v, want %v", what, err, want)
	}
}

// until runs the loop until done.
func (r *rig) until(what string, done func() bool) {
	r.Helper()
	late := false
	guard, err := timer.After(r.lp, patience, func() { late = true })
	r.no(err)
	for !done() {
		if late {
			r.Fatalf("waiting until %s: not after %v", what, patience)
		}
		_, err := r.lp.RunOnce()
		r.no(err)
	}
	guard.Close()
}

func (r *rig) listen(path string, lc unix.ListenConfig) *unix.Listener {
	r.Helper()
	ln, err := lc.Listen(r.lp, path, nil)
	r.no(err)
	return ln
}

// dial says how a dial ends. The connection is open if err is nil.
func (r *rig) dial(path string) (c *unix.Conn, err error) {
	r.Helper()
	told := false
	_, e := unix.Dial(r.lp, path, nil, func(d *unix.Conn, e error) { c, err, told = d, e, true })
	r.no(e)
	r.until("the dial has ended", func() bool { return told })
	return c, err
}

// serves holds that ln is who answers at a path.
func (r *rig) serves(path string, ln *unix.Listener) {
	r.Helper()
	accepted := false
	ln.OnAccept = func(c *unix.Conn) { accepted = true; c.Close() }
	c, err := r.dial(path)
	r.no(err)
	r.until("it is accepted", func() bool { return accepted })
	c.Close()
}

// closed closes ln, and waits for it.
func (r *rig) closed(ln *unix.Listener) {
	r.Helper()
	over := false
	ln.OnClose = func() { over = true }
	r.no(ln.Close())
	r.until("it is closed", func() bool { return over })
}

// there reports whether there is a file at a path.
func (r *rig) there(path string) bool {
	r.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Error(err)
	}
	return err == nil
}
