//go:build unix

package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

func TestUnrefAndClose(t *testing.T) {
	r := newRig(t)
	routines := runtime.NumGoroutine()
	cmd := exec.Command("cat")
	i, o := r.files()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = i, io.Discard, io.Discard
	c := r.start(cmd)
	r.no(i.Close())
	c.Unref()
	r.run()
	r.equal("it has exited", c.exited, false)
	c.Ref()
	r.no(c.Close())
	r.equal("inside Close", c.exited, false)
	r.is(c.Close(), net.ErrClosed)
	r.run()
	r.equal("it is told", c.exited, true)
	r.is(c.reason, net.ErrClosed)
	r.equal("state", c.state == nil, true)
	r.no(c.Process.Cmd().Process.Signal(syscall.Signal(0))) // it lives
	r.no(o.Close())
	r.childless()
	r.eventually("the goroutine has gone that has reaped it", func() bool { return runtime.NumGoroutine() <= routines })
}

func TestShutdown(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		r := newRig(t)
		c := r.start(exec.Command("cat"))
		var report *loop.ShutdownReport
		r.no(r.lp.Shutdown(context.Background(), patience, func(s loop.ShutdownReport) { report = &s }))
		r.turns(3)
		r.equal("over", report != nil, false)
		r.no(c.in.CloseWrite())
		r.no(r.lp.Run())
		r.no(report.Err)
		r.no(c.reason)
		r.equal("finished", report.Finished, 4)
	})
	t.Run("too late", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		defer o.Close()
		cmd := exec.Command("cat", "/dev/fd/3") // which would end with o
		cmd.ExtraFiles = []*os.File{i}
		c := r.start(cmd)
		r.no(i.Close())
		r.no(r.lp.Shutdown(context.Background(), 10*time.Millisecond, nil))
		r.no(r.lp.Run())
		r.is(c.reason, loop.ErrShutdown)
		r.is(c.reason, net.ErrClosed)
		r.childless()
	})
}

func TestLoopClosesWithChildren(t *testing.T) {
	r := newRig(t)
	before, routines := openFiles(t), runtime.NumGoroutine()
	c := r.start(exec.Command("cat")) // which ends when its input does
	r.no(r.lp.Close())
	r.is(c.reason, net.ErrClosed)
	r.childless()
	r.eventually("all has gone", func() bool { return runtime.NumGoroutine() <= routines && openFiles(t) < before })
}

func TestPanicInOnExit(t *testing.T) {
	panics := 0
	r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
	c := r.sh(":")
	c.OnExit = func(*pipe.Process, *os.ProcessState, error) { panic("in OnExit") }
	r.run()
	r.equal("panics", panics, 1)
}

// Nothing is left of short children: no zombie, no descriptor, no goroutine.
func TestManyChildren(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 50
	}
	r := newRig(t)
	r.untilExit(r.sh(":")) // what is opened once
	before, routines := openFiles(t), runtime.NumGoroutine()
	exits, outputs := 0, 0
	var next func()
	next = func() {
		if n == 0 {
			return
		}
		n--
		p, err := pipe.Start(r.lp, exec.Command("echo", "x"), nil)
		r.no(err)
		p.Stdout.OnRead = func(_ *pipe.Conn, b []byte) { outputs += len(b) }
		p.OnExit = func(_ *pipe.Process, _ *os.ProcessState, err error) {
			r.no(err)
			exits++
			next()
		}
	}
	want := n
	for range 8 {
		next()
	}
	r.run()
	r.equal("exits", exits, want)
	r.equal("bytes of output", outputs, 2*want)
	r.equal("open files", openFiles(t), before)
	r.eventually("the goroutines have gone", func() bool { return runtime.NumGoroutine() <= routines })
	r.childless()
}

// role is what this program does when a test starts it as a child.
const role = "PIKE_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "writes" {
		os.Exit(writeOutput())
	}
	os.Exit(m.Run())
}

// writeOutput writes standard output through a Conn, until nobody reads it, and survives that.
func writeOutput() (code int) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return 1
	}
	defer lp.Close()
	c, err := pipe.Open(lp, os.Stdout, nil)
	if err != nil {
		return 2
	}
	c.OnWrite = func(c *pipe.Conn) { c.WriteString(strings.Repeat("x", 1000)) }
	c.OnClose = func(_ *pipe.Conn, err error) {
		if errors.Is(err, syscall.EPIPE) {
			code = 7
		}
	}
	c.WriteString("ready")
	if lp.Run() != nil {
		return 3
	}
	return code
}

func TestSIGPIPE(t *testing.T) {
	r := newRig(t)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), role+"=writes")
	c := r.start(cmd)
	r.until("it writes", func() bool { return len(c.out.got) > 5 })
	r.no(c.out.Abort())
	r.until("it has exited", func() bool { return c.exited })
	if c.state.ExitCode() != 7 {
		t.Errorf("it has ended with %v, %v: %s", c.state, c.reason, c.err.got)
	}
}

// A child has its standard files and nothing else of what pike has opened.
func TestInheritsNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("how to see a child's descriptors depends on the system")
	}
	r := newRig(t)
	in, out := r.pipe()
	others := r.start(exec.Command("cat"))
	want := map[string]bool{"0": true, "1": true, "2": true}
	entries, err := os.ReadDir("/proc/self/fd")
	r.no(err)
	for _, e := range entries { // whatever has started the test may have left it something
		fd, err := strconv.Atoi(e.Name())
		r.no(err)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); fd > 2 && err == nil && flags&unix.FD_CLOEXEC == 0 {
			want[e.Name()] = true
		}
	}
	c := r.start(exec.Command("cat"))
	c.in.WriteString("x") // when it answers it has loaded its libraries
	r.until("it has answered", func() bool { return len(c.out.got) > 0 })
	entries, err = os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid()))
	r.no(err)
	for _, e := range entries {
		r.equal("descriptor "+e.Name()+" was asked for", want[e.Name()], true)
	}
	r.equal("descriptors", len(entries), len(want))
	for _, w := range []*watched{in, out, others.in, c.in} {
		r.no(w.Close())
	}
	r.run()
}
