//go:build unix

package pipe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/poller/system"
	"example.com/pike/stream"
)

// A child is a Process and what became of it.
type child struct {
	*pipe.Process
	in, out, err *watched
	exited       bool
	state        *os.ProcessState
	reason       error
}

func (r *rig) start(cmd *exec.Cmd) *child {
	r.Helper()
	p, err := pipe.Start(r.lp, cmd, nil)
	r.no(err)
	c := &child{Process: p}
	p.OnExit = func(q *pipe.Process, state *os.ProcessState, err error) {
		if c.exited || q != p {
			r.Error("OnExit twice, or of another")
		}
		c.exited, c.state, c.reason = true, state, err
	}
	for _, s := range []struct {
		w **watched
		c *pipe.Conn
	}{{&c.in, p.Stdin}, {&c.out, p.Stdout}, {&c.err, p.Stderr}} {
		if s.c != nil {
			*s.w = r.watch(s.c)
		}
	}
	return c
}

func (r *rig) sh(script string) *child {
	r.Helper()
	return r.start(exec.Command("/bin/sh", "-c", script))
}

// untilExit waits for the exit, and for the ends of the child's output.
func (r *rig) untilExit(c *child) {
	r.Helper()
	r.until("it has exited", func() bool {
		return c.exited && (c.out == nil || c.out.closed) && (c.err == nil || c.err.closed) && (c.in == nil || c.in.closed)
	})
}

func TestExit(t *testing.T) {
	r := newRig(t)
	c := r.sh("echo out; echo err >&2; exit 3")
	r.equal("active", c.Active(), true)
	r.untilExit(c)
	var exit *exec.ExitError
	if !errors.As(c.reason, &exit) || exit.ExitCode() != 3 || c.state.ExitCode() != 3 || c.state.Pid() != c.Pid() {
		t.Errorf("it has exited with %v, %v", c.state, c.reason)
	}
	r.equal("output", string(c.out.got)+string(c.err.got), "out\nerr\n")
	r.is(c.out.reason, io.EOF)
	r.is(c.in.reason, syscall.EPIPE) // which nobody reads any more
	r.is(c.Signal(syscall.SIGTERM), os.ErrProcessDone)
	r.is(c.Kill(), os.ErrProcessDone)
	r.is(c.Close(), net.ErrClosed)
	r.is(c.CloseNow(), net.ErrClosed)
	ok := r.sh(":")
	r.run() // which it keeps running
	r.equal("it has exited", ok.exited, true)
	r.no(ok.reason)
	r.equal("success", ok.state.Success(), true)
}

func TestTalk(t *testing.T) {
	for _, args := range [][]string{{}, {"/dev/stdin"}} { // a socket could not be opened so
		r := newRig(t)
		c := r.start(exec.Command("cat", args...))
		want := pattern(1 << 20)
		c.in.Write(want)
		r.no(c.in.CloseWrite())
		r.untilExit(c)
		r.no(c.reason)
		r.no(c.in.reason)
		r.equal("it has echoed", string(c.out.got) == string(want), true)
	}
}

func signaled(c *child) syscall.Signal {
	if c.state == nil {
		return 0
	}
	status, _ := c.state.Sys().(syscall.WaitStatus)
	return status.Signal()
}

func TestSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		r := newRig(t)
		c := r.start(exec.Command("cat"))
		if sig == syscall.SIGKILL {
			r.no(c.Kill())
		} else {
			r.is(c.Signal(nil), os.ErrInvalid)
			r.no(c.Signal(sig))
		}
		r.untilExit(c)
		r.equal("signal", signaled(c), sig)
	}
}

func TestContext(t *testing.T) {
	t.Run("canceled", func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(context.Background())
		c := r.start(exec.CommandContext(ctx, "cat"))
		r.turns(3)
		r.equal("it has exited", c.exited, false)
		cancel()
		r.untilExit(c)
		var exit *exec.ExitError
		r.equal("as exec.Cmd.Wait", errors.As(c.reason, &exit), true)
		r.equal("signal", signaled(c), syscall.SIGKILL)
	})
	t.Run("Cancel and WaitDelay", func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "trap 'echo no' TERM; echo ready; while :; do read x; done")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 50 * time.Millisecond
		c := r.start(cmd)
		r.until("it is ready", func() bool { return string(c.out.got) == "ready\n" })
		cancel()
		r.untilExit(c)
		r.equal("signal", signaled(c), syscall.SIGKILL)
	})
	t.Run("over before", func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := pipe.Start(r.lp, exec.CommandContext(ctx, "cat"), nil)
		r.is(err, context.Canceled)
	})
	t.Run("not used", func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c := r.start(exec.CommandContext(ctx, "true"))
		r.untilExit(c)
		r.no(c.reason)
	})
}

func TestStartErrors(t *testing.T) {
	r := newRig(t)
	before, routines := openFiles(t), runtime.NumGoroutine()
	for range 20 {
		_, err := pipe.Start(r.lp, exec.Command("/no/such/program"), nil)
		r.is(err, os.ErrNotExist)
		if !strings.HasPrefix(err.Error(), "pipe: start: ") {
			t.Errorf("the error is %v", err)
		}
		_, err = pipe.Start(r.lp, exec.Command("no-such-program"), nil)
		r.is(err, exec.ErrNotFound)
		_, err = pipe.Start(r.lp, exec.Command(t.TempDir()), nil)
		r.is(err, os.ErrPermission)
	}
	for _, cmd := range []*exec.Cmd{
		{Path: "/bin/sh", Stdin: strings.NewReader("x")}, {Path: "/bin/sh", Stdout: new(strings.Builder)},
		{Path: "/bin/sh", Stderr: new(strings.Builder)},
		{Path: "/bin/sh", Stdin: (*os.File)(nil)}, {Path: "/bin/sh", Stdout: pipe.WithStdout}, nil,
	} {
		_, err := pipe.Start(r.lp, cmd, nil)
		r.is(err, os.ErrInvalid)
	}
	_, err := pipe.Start(nil, exec.Command("cat"), nil)
	r.is(err, os.ErrInvalid)
	_, err = pipe.Start(r.lp, exec.Command("cat"), &pipe.Options{QueueLimit: &stream.QueueLimit{}})
	r.is(err, os.ErrInvalid)
	r.run() // nothing keeps the loop
	r.eventually("all has gone", func() bool { return openFiles(t) <= before && runtime.NumGoroutine() <= routines })
	r.childless()

	lp, err := loop.New(loop.Options{Poller: sim.New(1, sim.Config{}).Host("a")})
	r.no(err)
	defer lp.Close()
	_, err = pipe.Start(lp, exec.Command("cat"), nil)
	r.is(err, errors.ErrUnsupported)
	r.no(r.lp.Close())
	_, err = pipe.Start(r.lp, exec.Command("cat"), nil)
	r.is(err, net.ErrClosed)
}

// childless holds that no child is there any more, nor a zombie.
func (r *rig) childless() {
	r.Helper()
	r.eventually("there are no children", noChild)
}

// eventually waits for what other goroutines do.
func (r *rig) eventually(what string, cond func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestStdioOfOthers(t *testing.T) {
	r := newRig(t)
	name := r.TempDir() + "/out"
	f, err := os.Create(name)
	r.no(err)
	defer f.Close()
	script := "read x; echo out $x; echo err >&2"
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout, cmd.Stderr = f, pipe.WithStdout
	c := r.start(cmd)
	r.equal("Stdout and Stderr", c.Stdout == nil && c.Stderr == nil, true)
	r.equal("cmd is as it was", cmd.Stdin == nil && cmd.Stdout == f && cmd.Stderr == pipe.WithStdout, true)
	c.in.WriteString("x\n")
	r.untilExit(c)
	got, _ := os.ReadFile(name)
	r.equal("the file", string(got), "out x\nerr\n")

	cmd = exec.Command("/bin/sh", "-c", script+"; echo more")
	cmd.Stdin, _ = os.Open(os.DevNull)
	cmd.Stderr = pipe.WithStdout
	c = r.start(cmd)
	r.equal("Stdin and Stderr", c.Stdin == nil && c.Stderr == nil, true)
	r.untilExit(c)
	r.equal("both in their order", string(c.out.got), "out\nerr\nmore\n")

	cmd = exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = io.Discard
	c = r.start(cmd)
	c.in.WriteString("x\n")
	r.untilExit(c)
	r.equal("Stderr alone", string(c.err.got), "err\n")
	r.equal("Stdout", c.Stdout == nil, true)

	i, o := r.files()
	cmd = exec.Command("/bin/sh", "-c", "echo extra >&3")
	cmd.ExtraFiles = []*os.File{o}
	c = r.start(cmd)
	r.no(o.Close())
	r.untilExit(c)
	extra, err := io.ReadAll(i)
	r.no(err)
	r.equal("ExtraFiles", string(extra), "extra\n")
}

// The exit is told before the end of output that a grandchild still has.
func TestExitBeforeOutputEnds(t *testing.T) {
	r := newRig(t)
	i, o := r.files()
	cmd := exec.Command("/bin/sh", "-c", "cat <&3 & exit 0")
	cmd.ExtraFiles = []*os.File{i}
	c := r.start(cmd)
	r.until("it has exited", func() bool { return c.exited })
	r.equal("its output has ended", c.out.closed, false)
	o.WriteString("grandchild")
	r.no(o.Close())
	r.untilExit(c)
	r.equal("output", string(c.out.got), "grandchild")
}

// withoutWatch is a system whose kernel has no pidfds.
type withoutWatch struct {
	poller.Poller
	poller.PipeOpener
}

func (withoutWatch) Watch(uintptr, poller.Events, poller.WatchHandler) (poller.Watch, error) {
	return nil, syscall.ENOSPC
}

func TestGoroutineWaits(t *testing.T) {
	p, err := system.Open("")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, loop.Options{Poller: withoutWatch{p, p.(poller.PipeOpener)}})
	routines := runtime.NumGoroutine()
	c, other := r.sh("exit 3"), r.start(exec.Command("cat"))
	r.until("it has exited", func() bool { return c.exited })
	r.equal("exit status", c.state.ExitCode(), 3)
	r.no(other.Close())
	r.until("it is told", func() bool { return other.exited })
	r.is(other.reason, net.ErrClosed)
	r.no(other.in.Close())
	r.run()
	r.childless()
	r.eventually("the goroutines have gone", func() bool { return runtime.NumGoroutine() <= routines })
}
