//go:build unix

package conformance

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// A spawned is a child, and what became of it.
type spawned struct {
	*pipe.Process
	out, errOut string
	state       *os.ProcessState
	err         error
	exits       int
}

func (e *env) spawn(lp *loop.Loop, cmd *exec.Cmd) *spawned {
	e.Helper()
	p, err := pipe.Start(lp, cmd, nil)
	e.no(err)
	s := &spawned{Process: p}
	p.OnExit = func(_ *pipe.Process, state *os.ProcessState, err error) {
		s.exits, s.state, s.err = s.exits+1, state, err
	}
	if p.Stdout != nil {
		p.Stdout.OnRead = func(_ *pipe.Conn, b []byte) { s.out += string(b) }
	}
	if p.Stderr != nil {
		p.Stderr.OnRead = func(_ *pipe.Conn, b []byte) { s.errOut += string(b) }
	}
	return s
}

func sh(script string) *exec.Cmd { return exec.Command("/bin/sh", "-c", script) }

func (s *spawned) signal() syscall.Signal {
	status, _ := s.state.Sys().(syscall.WaitStatus)
	return status.Signal()
}

// exited holds that the child has ended once, with a status.
func (e *env) exited(s *spawned, code int) {
	e.Helper()
	e.equal("exit callbacks", s.exits, 1)
	e.equal("exit status", s.state.ExitCode(), code)
	e.equal("active", s.Active(), false)
}

var _ = add(
	line{id: "C1", name: "spawn fails", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		_, err := pipe.Start(lp, exec.Command("/no/such/program"), nil)
		e.is(err, syscall.ENOENT)
		e.run(lp)
	}},

	line{id: "C2", name: "spawn fails and leaves no zombie", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		_, err := pipe.Start(lp, exec.Command("/no/such/program"), nil)
		e.is(err, syscall.ENOENT)
		e.equal("no child", noChild(), true)
		e.run(lp)
	}},

	line{id: "C3", name: "spawn with an empty environment", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		cmd := exec.Command("env")
		cmd.Env = []string{}
		s := e.spawn(lp, cmd)
		e.run(lp)
		e.exited(s, 0)
		e.equal("environment", s.out, "")
	}},

	line{id: "C4", name: "spawn exit code", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, sh("exit 1"))
		e.run(lp)
		e.exited(s, 1)
	}},

	line{id: "C5", name: "spawn stdout", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, sh("echo hello world"))
		var reason error
		s.Stdout.OnClose = func(_ *pipe.Conn, err error) { reason = err }
		e.run(lp)
		e.exited(s, 0)
		e.equal("output", s.out, "hello world\n")
		e.is(reason, io.EOF)
	}},

	line{id: "C6", name: "spawn stdout and stderr to a file", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		f, err := os.Create(filepath.Join(e.TempDir(), "out"))
		e.no(err)
		defer f.Close()
		cmd := sh("echo out; echo err >&2")
		cmd.Stdout, cmd.Stderr = f, f
		s := e.spawn(lp, cmd)
		e.run(lp)
		e.exited(s, 0)
		got, err := os.ReadFile(f.Name())
		e.no(err)
		e.equal("the file", string(got), "out\nerr\n")
	}},

	line{id: "C7", name: "spawn stdin", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, exec.Command("cat"))
		s.Stdin.WriteString("hello-from-spawn_stdin")
		e.no(s.Stdin.Close())
		e.run(lp)
		e.exited(s, 0)
		e.equal("output", s.out, "hello-from-spawn_stdin")
	}},

	line{id: "C8", name: "spawn with more than three descriptors", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, out, err := os.Pipe()
		e.no(err)
		cmd := sh("echo fourth stdio! >&3")
		cmd.ExtraFiles = []*os.File{out}
		s := e.spawn(lp, cmd)
		e.no(out.Close())
		c, err := pipe.Open(lp, in, nil)
		e.no(err)
		e.no(in.Close())
		got := ""
		c.OnRead = func(_ *pipe.Conn, b []byte) { got += string(b) }
		e.run(lp)
		e.exited(s, 0)
		e.equal("output", got, "fourth stdio!\n")
	}},

	line{id: "C9", name: "spawn with ignored stdio", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		cmd := sh("echo out; echo err >&2; cat")
		var err error
		cmd.Stdin, err = os.Open(os.DevNull)
		e.no(err)
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		s := e.spawn(lp, cmd)
		e.run(lp)
		e.exited(s, 0)
	}},

	line{id: "C10", name: "spawn and kill", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, exec.Command("cat"))
		e.after(lp, 10*time.Millisecond, func() { e.no(s.Signal(syscall.SIGTERM)) })
		e.run(lp)
		e.equal("exit callbacks", s.exits, 1)
		e.equal("signal", s.signal(), syscall.SIGTERM)
	}},

	// libuv has the child's PATH searched; package exec searches that of the parent, as the documentation of
	// exec.Command says.
	line{id: "C11", name: "spawn preserves the environment", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		cmd := sh("echo $ENV_TEST")
		cmd.Env = append(os.Environ(), "ENV_TEST=testval")
		s := e.spawn(lp, cmd)
		e.run(lp)
		e.exited(s, 0)
		e.equal("output", s.out, "testval\n")
	}},

	line{id: "C12", name: "spawn detached", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, out, err := os.Pipe()
		e.no(err)
		defer out.Close()
		cmd := exec.Command("cat")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, io.Discard, io.Discard
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		s := e.spawn(lp, cmd)
		e.no(in.Close())
		sid, err := unix.Getsid(s.Pid())
		e.no(err)
		e.equal("session", sid, s.Pid())
		s.Unref()
		e.run(lp)
		e.equal("exit callbacks", s.exits, 0)
		e.no(syscall.Kill(s.Pid(), 0)) // it is alive
		e.no(s.Kill())
		s.Ref()
		e.run(lp)
		e.equal("exit callbacks", s.exits, 1)
	}},

	line{id: "C13", name: "spawn and kill with stdio", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, exec.Command("cat"))
		s.Stdin.WriteString("Nobody expects the Spanish inquisition.")
		e.after(lp, 10*time.Millisecond, func() { e.no(s.Kill()) })
		e.run(lp)
		e.equal("signal", s.signal(), syscall.SIGKILL)
	}},

	line{id: "C14", name: "spawn and ping", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, exec.Command("cat"))
		s.Stdout.OnRead = func(_ *pipe.Conn, b []byte) {
			if s.out += string(b); s.out == "TEST" {
				e.no(s.Signal(syscall.SIGTERM))
			}
		}
		s.Stdin.WriteString("TEST")
		e.run(lp)
		e.equal("output", s.out, "TEST")
		e.equal("signal", s.signal(), syscall.SIGTERM)
	}},

	line{id: "C15", name: "spawn with the same stdout and stderr", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		cmd := sh("echo hello world; echo hello errworld >&2")
		cmd.Stderr = pipe.WithStdout
		s := e.spawn(lp, cmd)
		e.run(lp)
		e.exited(s, 0)
		e.equal("output", s.out, "hello world\nhello errworld\n")
	}},

	line{id: "C16", name: "spawn of who closes its stdin", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, sh("exec <&-; echo closed; read x"))
		var reason error
		s.Stdin.OnClose = func(_ *pipe.Conn, err error) { reason = err }
		s.Stdin.WriteString("nobody reads this\n")
		e.run(lp)
		e.is(reason, syscall.EPIPE)
		e.equal("output", s.out, "closed\n")
	}},

	line{id: "C17", name: "kill", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, exec.Command("cat"))
		e.no(s.Signal(syscall.Signal(0)))
		e.no(s.Signal(syscall.SIGTERM))
		e.run(lp)
		e.equal("signal", s.signal(), syscall.SIGTERM)
		e.is(s.Signal(syscall.Signal(0)), os.ErrProcessDone) // libuv: ESRCH
		e.is(syscall.Kill(s.Pid(), 0), syscall.ESRCH)
	}},

	line{id: "C18", name: "spawn inherits no open file", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, out, err := os.Pipe()
		e.no(err)
		c, err := pipe.Open(lp, in, nil)
		e.no(err)
		e.no(in.Close())
		ended := false
		c.OnRead = func(*pipe.Conn, []byte) {}
		c.OnClose = func(_ *pipe.Conn, err error) { ended = errors.Is(err, io.EOF) }
		s := e.spawn(lp, exec.Command("cat"))
		e.no(out.Close()) // the child would keep it open
		e.turnsUntil(lp, "the pipe has ended", func() bool { return ended })
		e.equal("exit callbacks", s.exits, 0)
		e.no(s.Stdin.Close())
		e.run(lp)
		e.exited(s, 0)
	}},

	line{id: "C19", name: "quick exits", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		var all []*spawned
		for range 20 {
			all = append(all, e.spawn(lp, sh(":")))
		}
		e.run(lp)
		for _, s := range all {
			e.exited(s, 0)
		}
		e.equal("no child", noChild(), true)
	}},

	line{id: "C20", name: "spawn auto unref", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		s := e.spawn(lp, sh(":"))
		e.run(lp)
		e.exited(s, 0)
		e.equal("closing", s.Closing(), true) // libuv's handle is to be closed by its user
	}},

	line{id: "C21", name: "close stdout and read stdin", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, theirs, err := os.Pipe()
		e.no(err)
		other, out, err := os.Pipe()
		e.no(err)
		defer other.Close()
		stdin, err := pipe.Open(lp, in, nil)
		e.no(err)
		stdout, err := pipe.Open(lp, out, nil)
		e.no(err)
		for _, f := range []*os.File{in, out} {
			e.no(f.Close())
		}
		got := ""
		stdin.OnRead = func(_ *pipe.Conn, b []byte) { got += string(b) }
		stdout.OnClose = func(*pipe.Conn, error) {
			theirs.WriteString("still there")
			e.no(theirs.Close())
		}
		e.no(stdout.Close())
		e.run(lp)
		e.equal("read", got, "still there")
	}},

	line{id: "C22", name: "close fd", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, out, err := os.Pipe()
		e.no(err)
		c, err := pipe.Open(lp, in, nil)
		e.no(err)
		e.no(in.Close())
		reads := 0
		c.OnRead = func(_ *pipe.Conn, b []byte) {
			reads += len(b)
			e.no(out.Close())
		}
		ended := false
		c.OnEOF = func(*pipe.Conn) { ended = true }
		out.Write([]byte{0})
		e.run(lp)
		e.equal("bytes", reads, 1)
		e.equal("the end", ended, true)
	}},

	line{id: "C23", name: "a large write to a broken pipe", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		in, out, err := os.Pipe()
		e.no(err)
		c, err := pipe.Open(lp, out, nil)
		e.no(err)
		e.no(out.Close())
		e.no(in.Close())
		var reason error
		c.OnClose = func(_ *pipe.Conn, err error) { reason = err }
		c.Write(bytes.Repeat([]byte("x"), 16<<20))
		e.run(lp)
		e.is(reason, syscall.EPIPE)
	}},
)

// turnsUntil runs turns until cond holds.
func (e *env) turnsUntil(lp *loop.Loop, what string, cond func() bool) {
	e.Helper()
	defer e.guard(lp)()
	for !cond() {
		if alive, err := lp.RunOnce(); err != nil || !alive && !cond() {
			e.Fatalf("waited in vain until %s: %v", what, err)
		}
	}
}
