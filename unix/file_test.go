//go:build !windows

package unix_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sys "golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/unix"
)

// TestFileIsRemoved holds that the file goes however a listener ends, and stays where it is to.
func TestFileIsRemoved(t *testing.T) {
	ends := map[string]func(r *rig, ln *unix.Listener){
		"Close":      func(r *rig, ln *unix.Listener) { r.no(ln.Close()) }, // at once
		"Close, end": func(r *rig, ln *unix.Listener) { r.closed(ln) },
		"Loop.Close": func(r *rig, ln *unix.Listener) { r.no(r.lp.Close()) },
		"Shutdown": func(r *rig, ln *unix.Listener) {
			r.no(r.lp.Shutdown(context.Background(), patience, nil))
			r.no(r.lp.Run())
		},
	}
	for name, end := range ends {
		for _, keep := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				path := r.path("s")
				end(r, r.listen(path, unix.ListenConfig{KeepFile: keep}))
				if r.there(path) != keep {
					t.Errorf("KeepFile %v, and the file is there: %v", keep, !keep)
				}
			})
		}
	}
}

// TestFileOfAnother holds that Close removes no file that is not its own.
func TestFileOfAnother(t *testing.T) {
	for name, put := range map[string]func(r *rig, path string){
		"a regular file": func(r *rig, path string) { r.no(os.WriteFile(path, nil, 0o600)) },
		"a folder":       func(r *rig, path string) { r.no(os.Mkdir(path, 0o700)) },
		"a link":         func(r *rig, path string) { r.no(os.Symlink("moved", path)) },
		"a socket":       func(r *rig, path string) { stale(r, path) },
		"another listener of the loop": func(r *rig, path string) {
			r.listen(path, unix.ListenConfig{KeepFile: true})
		},
		"nothing": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := r.path("s")
			ln := r.listen(path, unix.ListenConfig{})
			if put == nil {
				r.no(os.Remove(path))
				r.closed(ln)
				return
			}
			if name == "a link" { // to the very socket
				r.no(os.Rename(path, r.path("moved")))
			} else {
				r.no(os.Remove(path))
			}
			put(r, path)
			r.closed(ln)
			if !r.there(path) {
				t.Error("Close has removed it")
			}
		})
	}
}

// TestFileAgainAtOnce has the path free as soon as Close was called.
func TestFileAgainAtOnce(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	for range 20 {
		ln := r.listen(path, unix.ListenConfig{})
		r.serves(path, ln)
		r.no(ln.Close())
	}
	ln := r.listen(path, unix.ListenConfig{})
	r.until("the others are closed", func() bool { n := 0; r.lp.Walk(func(loop.Handle) { n++ }); return n <= 2 })
	r.serves(path, ln)
}

// TestFileOfARelativePath has the process go elsewhere: Close knows its file still.
func TestFileOfARelativePath(t *testing.T) {
	r := newRig(t)
	t.Chdir(r.dir)
	ln := r.listen("s", unix.ListenConfig{})
	if got := ln.LocalAddr().String(); got != "s" {
		t.Errorf("LocalAddr %q", got)
	}
	r.serves("s", ln)
	t.Chdir(t.TempDir())
	r.closed(ln)
	if r.there(r.path("s")) {
		t.Error("the file is there")
	}
}

// TestFileOfAFailure has Listen fail after the file was made.
func TestFileOfAFailure(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	_, err := unix.Listen(r.lp, path, &unix.Options{Control: func(string, string, syscall.RawConn) error { return os.ErrClosed }})
	r.is("Control", err, os.ErrClosed)
	_, err = (&unix.ListenConfig{Mode: os.ModeSticky | 0o600}).Listen(r.lp, path, nil)
	r.is("a Mode that is none", err, os.ErrInvalid)
	r.is("a Mode that is none", err, syscall.EINVAL)
	if r.there(path) {
		t.Error("there is a file")
	}
	_, err = unix.Listen(r.lp, filepath.Join(r.dir, "no", "folder"), nil)
	r.is("no folder", err, os.ErrNotExist)
}

// TestFileOfAnAdoptedListener stays: who has opened the listener removes it.
func TestFileOfAnAdoptedListener(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	nl, err := net.Listen("unix", path)
	r.no(err)
	ln, err := stream.AdoptListener(r.lp, nl)
	r.no(err)
	r.serves(path, ln)
	r.closed(ln)
	if !r.there(path) {
		t.Error("Close has removed it")
	}
}

// TestMode holds that the file has its permissions whatever the umask is, which itself stays.
func TestMode(t *testing.T) {
	r := newRig(t)
	was := sys.Umask(0o027)
	defer sys.Umask(was)
	for mode, want := range map[os.FileMode]os.FileMode{0: 0o750, 0o600: 0o600, 0o660: 0o660, 0o777: 0o777, 0o622: 0o622, 0o400: 0o400} {
		path := r.path("s")
		if mode == 0o660 {
			stale(t, path) // what is taken over has the new permissions
		}
		ln := r.listen(path, unix.ListenConfig{Mode: mode})
		st, err := os.Lstat(path)
		r.no(err)
		if st.Mode() != os.ModeSocket|want {
			t.Errorf("%04o: the file has %v", uint32(mode), st.Mode())
		}
		r.closed(ln)
	}
	if now := sys.Umask(0o027); now != 0o027 {
		t.Errorf("the umask has become %04o", now)
	}
}

// TestModeFromTheFirstMoment connects all the time while listeners come and go. Whoever gets through finds the mode
// that was asked for, and not that of the umask.
func TestModeFromTheFirstMoment(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	var stop atomic.Bool
	bad, met := make(chan os.FileMode, 1), atomic.Int32{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !stop.Load() {
			before, err := os.Lstat(path)
			if err != nil {
				continue
			}
			c, err := net.DialTimeout("unix", path, patience)
			if err != nil {
				continue
			}
			c.Close()
			met.Add(1)
			if before.Mode().Perm() != 0o600 {
				after, err := os.Lstat(path) // the listener may have come between
				if err == nil && os.SameFile(before, after) && after.Mode().Perm() != 0o600 {
					bad <- after.Mode()
					return
				}
			}
		}
	}()
	for begin := time.Now(); met.Load() < 50 && time.Since(begin) < patience && len(bad) == 0; {
		ln := r.listen(path, unix.ListenConfig{Mode: 0o600})
		ln.OnAccept = func(c *unix.Conn) { c.Close() }
		_, err := r.lp.RunNoWait()
		r.no(err)
		r.no(ln.Close())
	}
	stop.Store(true)
	<-ended
	select {
	case m := <-bad:
		t.Errorf("a client has met %v", m)
	default:
	}
	if met.Load() < 50 {
		t.Errorf("%d clients got through", met.Load())
	}
}

// TestModeKeepsOthersOut is for users whom the system holds to permissions, which root is not.
func TestModeKeepsOthersOut(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	r.listen(path, unix.ListenConfig{Mode: 0o400}) // nobody may write
	_, err := r.dial(path)
	if os.Geteuid() == 0 {
		r.no(err)
		return
	}
	r.is("a dial", err, os.ErrPermission)
	if !errors.Is(err, syscall.EACCES) {
		t.Error(err)
	}
}
