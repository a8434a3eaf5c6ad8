//go:build !windows

package unix_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sys "golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// serverEnv has the test binary be a server at that path, until it is killed.
const serverEnv = "PIKE_TEST_UNIX_SERVER"

// serve says on standard output whether it listens.
func serve(path string) int {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return 1
	}
	ln, err := unix.Listen(lp, path, nil)
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	ln.OnAccept = func(c *unix.Conn) {}
	os.Stdout.WriteString("listening\n")
	lp.Run()
	return 0
}

// process starts another process that serves at a path, and returns what it says first.
func (r *rig) process(path string) (p *exec.Cmd, says string) {
	r.Helper()
	self, err := os.Executable()
	r.no(err)
	p = exec.Command(self)
	p.Env = append(os.Environ(), serverEnv+"="+path)
	out, err := p.StdoutPipe()
	r.no(err)
	r.no(p.Start())
	r.Cleanup(func() { p.Process.Kill(); p.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	r.no(err)
	return p, strings.TrimSpace(line)
}

// TestTakeoverOfAKilledProcess has two processes: while the first lives nobody gets its path, and when it was killed
// its file is there and is taken over.
func TestTakeoverOfAKilledProcess(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	p, says := r.process(path)
	if says != "listening" {
		t.Fatal(says)
	}
	_, err := unix.Listen(r.lp, path, nil)
	r.is("while it lives", err, syscall.EADDRINUSE)
	r.no(p.Process.Kill())
	p.Wait()
	if !r.there(path) {
		t.Fatal("it has removed its file")
	}
	_, err = r.dial(path)
	r.is("a dial of nobody", err, syscall.ECONNREFUSED)
	_, err = (&unix.ListenConfig{NoTakeover: true}).Listen(r.lp, path, nil)
	r.is("with NoTakeover", err, syscall.EADDRINUSE)
	ln := r.listen(path, unix.ListenConfig{})
	r.serves(path, ln)
	if _, says := r.process(path); !strings.HasPrefix(says, "listen unix "+path) {
		t.Errorf("another process says %q", says)
	}
	r.serves(path, ln)
	r.closed(ln)
	if _, says := r.process(path); says != "listening" {
		t.Errorf("after Close another process says %q", says)
	}
}

// stale leaves a file that nobody listens on.
func stale(t testing.TB, path string) {
	t.Helper()
	nl, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	nl.(*net.UnixListener).SetUnlinkOnClose(false)
	nl.Close()
}

// TestTakeoverLeavesAllElse has what may be at a path besides a socket of nobody. All of it is there afterwards.
func TestTakeoverLeavesAllElse(t *testing.T) {
	socket := func(r *rig, kind int, path string, listen bool) {
		fd, err := sys.Socket(sys.AF_UNIX, kind, 0)
		r.no(err)
		r.Cleanup(func() { sys.Close(fd) })
		r.no(sys.Bind(fd, &sys.SockaddrUnix{Name: path}))
		if listen {
			r.no(sys.Listen(fd, 0))
		}
	}
	for name, put := range map[string]func(r *rig, path string){
		"a regular file":    func(r *rig, path string) { r.no(os.WriteFile(path, []byte("data"), 0o600)) },
		"an empty file":     func(r *rig, path string) { r.no(os.WriteFile(path, nil, 0o600)) },
		"a folder":          func(r *rig, path string) { r.no(os.Mkdir(path, 0o700)) },
		"a FIFO":            func(r *rig, path string) { r.no(sys.Mkfifo(path, 0o600)) },
		"a link to nothing": func(r *rig, path string) { r.no(os.Symlink("nothing", path)) },
		"a link to a socket of nobody": func(r *rig, path string) {
			stale(r, r.path("dead"))
			r.no(os.Symlink("dead", path))
		},
		"a server":                       func(r *rig, path string) { socket(r, sys.SOCK_STREAM, path, true) },
		"a socket that is to listen":     func(r *rig, path string) { socket(r, sys.SOCK_STREAM, path, false) },
		"a socket of datagrams":          func(r *rig, path string) { socket(r, sys.SOCK_DGRAM, path, false) },
		"a server whose backlog is full": func(r *rig, path string) { socket(r, sys.SOCK_STREAM, path, true); r.fill(path) },
		"a link to a server": func(r *rig, path string) {
			socket(r, sys.SOCK_STREAM, r.path("live"), true)
			r.no(os.Symlink("live", path))
		},
		"a server that has it by hard links": func(r *rig, path string) {
			socket(r, sys.SOCK_STREAM, r.path("live"), true)
			r.no(os.Link(r.path("live"), path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := r.path("s")
			put(r, path)
			was, err := os.Lstat(path)
			r.no(err)
			_, err = unix.Listen(r.lp, path, nil)
			r.is("Listen", err, syscall.EADDRINUSE)
			if err == nil || !strings.HasPrefix(err.Error(), "listen unix "+path+": bind: ") {
				t.Errorf("Listen: %v", err)
			}
			is, err := os.Lstat(path)
			r.no(err)
			if !os.SameFile(was, is) || was.Mode() != is.Mode() || was.Size() != is.Size() {
				t.Errorf("it was %v, and is %v", was, is)
			}
		})
	}
}

// fill connects until the backlog has no room.
func (r *rig) fill(path string) {
	r.Helper()
	for range 1000 {
		fd, err := sys.Socket(sys.AF_UNIX, sys.SOCK_STREAM, 0)
		r.no(err)
		r.Cleanup(func() { sys.Close(fd) })
		r.no(sys.SetNonblock(fd, true))
		if err := sys.Connect(fd, &sys.SockaddrUnix{Name: path}); err != nil {
			return // EAGAIN on Linux, ECONNREFUSED elsewhere
		}
	}
	r.Fatal("the backlog has room for all")
}

// TestTakeoverIsSilent holds that a server which is looked at sees no connection.
func TestTakeoverIsSilent(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	ln := r.listen(path, unix.ListenConfig{})
	conns := 0
	ln.OnAccept = func(c *unix.Conn) { conns++; c.Close() }
	for range 10 {
		_, err := unix.Listen(r.lp, path, nil)
		r.is("Listen", err, syscall.EADDRINUSE)
	}
	r.serves(path, ln)
	if conns != 0 || ln.Metrics().Accepted != 1 {
		t.Errorf("%d connections, accepted %d, want the one of serves", conns, ln.Metrics().Accepted)
	}
}

// TestTakeoverByOneOfMany has many servers find one file of nobody. One gets it, and no other harms it.
func TestTakeoverByOneOfMany(t *testing.T) {
	const servers, rounds = 8, 20
	dir := shortDir(t)
	for round := range rounds {
		path := filepath.Join(dir, "s")
		stale(t, path)
		var lns [servers]*unix.Listener
		var loops [servers]*loop.Loop
		var errs [servers]error
		var ready sync.WaitGroup
		var begin atomic.Bool
		for i := range servers {
			lp, err := loop.New(loop.Options{})
			if err != nil {
				t.Fatal(err)
			}
			loops[i] = lp
			ready.Go(func() {
				for !begin.Load() {
					runtime.Gosched()
				}
				lns[i], errs[i] = unix.Listen(lp, path, nil)
			})
		}
		begin.Store(true)
		ready.Wait()
		winners := 0
		for i, ln := range lns {
			if ln != nil {
				winners++
				if c, err := net.Dial("unix", path); err != nil {
					t.Errorf("round %d: server %d listens, and %v", round, i, err)
				} else {
					c.Close()
				}
			} else if !strings.Contains(errs[i].Error(), "bind: ") {
				t.Errorf("round %d: %v", round, errs[i])
			}
		}
		if winners != 1 {
			t.Fatalf("round %d: %d servers have the path", round, winners)
		}
		for _, lp := range loops {
			lp.Close()
		}
		if _, err := os.Lstat(path); err == nil {
			t.Fatalf("round %d: the file is there after Close", round)
		}
	}
}

// TestTakeoverInALockedFolder has somebody lock the folder for long: nothing is taken over then, and what needs no
// lock works.
func TestTakeoverInALockedFolder(t *testing.T) {
	r := newRig(t)
	stale(t, r.path("dead"))
	fd, err := sys.Open(r.dir, sys.O_RDONLY, 0)
	r.no(err)
	defer sys.Close(fd)
	r.no(sys.Flock(fd, sys.LOCK_EX))
	_, err = unix.Listen(r.lp, r.path("dead"), nil)
	r.is("of nobody", err, syscall.EADDRINUSE)
	r.closed(r.listen(r.path("new"), unix.ListenConfig{}))
	r.no(sys.Flock(fd, sys.LOCK_UN))
	r.closed(r.listen(r.path("dead"), unix.ListenConfig{}))
}

// TestTakeoverBehindAnother has one server wait while another, which has the lock, takes the file over: then there
// is nothing to take over any more.
func TestTakeoverBehindAnother(t *testing.T) {
	r := newRig(t)
	path := r.path("s")
	stale(t, path)
	fd, err := sys.Open(r.dir, sys.O_RDONLY, 0)
	r.no(err)
	defer sys.Close(fd)
	r.no(sys.Flock(fd, sys.LOCK_EX))
	var got error
	var listening sync.WaitGroup
	listening.Go(func() { _, got = unix.Listen(r.lp, path, nil) })
	time.Sleep(20 * time.Millisecond) // it has found the file by then, or finds what follows
	r.no(os.Remove(path))
	nl, err := net.Listen("unix", path)
	r.no(err)
	defer nl.Close()
	r.no(sys.Flock(fd, sys.LOCK_UN))
	listening.Wait()
	r.is("Listen", got, syscall.EADDRINUSE)
	c, err := net.Dial("unix", path)
	r.no(err)
	c.Close()
}

// TestTakeoverInAFolderThatCannotBeRead goes without a lock.
func TestTakeoverInAFolderThatCannotBeRead(t *testing.T) {
	r := newRig(t)
	stale(t, r.path("s"))
	r.no(os.Chmod(r.dir, 0o300))
	defer os.Chmod(r.dir, 0o700)
	r.closed(r.listen(r.path("s"), unix.ListenConfig{}))
}
