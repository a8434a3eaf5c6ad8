//go:build unix

package main

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// A family is a program and those that have replaced it.
type family struct {
	t    *testing.T
	p    *program.Program
	path string
	addr string
	pids []string // the youngest last
}

func newFamily(t *testing.T, args ...string) *family {
	t.Helper()
	f := &family{t: t, path: program.Build(t)}
	f.p = program.Start(t, f.path, append([]string{"-listen", "127.0.0.1:0", "-grace", "10m", "-idle", "10m", "-within", "10m"}, args...)...)
	f.addr = strings.TrimSpace(f.p.Expect("listening tcp"))
	pid, c, _ := f.ask()
	c.Close()
	f.pids = []string{pid}
	t.Cleanup(func() {
		for _, pid := range f.pids {
			f.kill(pid, syscall.SIGKILL)
		}
	})
	return f
}

func (f *family) youngest() string { return f.pids[len(f.pids)-1] }

// kill sends a signal to one of them, which may have ended.
func (f *family) kill(pid string, s syscall.Signal) {
	f.t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		f.t.Fatalf("%q is no process", pid)
	}
	if err := syscall.Kill(n, s); err != nil && err != syscall.ESRCH {
		f.t.Error(err)
	}
}

// restart has the youngest replaced.
func (f *family) restart() {
	f.t.Helper()
	f.kill(f.youngest(), syscall.SIGHUP)
	f.replaced()
}

// replaced waits for the word that there is a younger one.
func (f *family) replaced() {
	f.t.Helper()
	f.pids = append(f.pids, strings.TrimSpace(f.p.Expect(f.youngest()+": replaced by")))
}

// end ends the youngest, and waits until all have ended, without having cut anybody off.
func (f *family) end() {
	f.t.Helper()
	f.kill(f.youngest(), syscall.SIGTERM)
	for strings.Count(f.p.Output(), " requests\n") < len(f.pids) {
		f.p.Expect(" requests")
	}
	if strings.Contains(f.p.Output(), "cut off") {
		f.t.Errorf("it wrote:\n%s", f.p.Output())
	}
}

// ask asks once, on a connection of its own.
func (f *family) ask() (pid string, c net.Conn, r *bufio.Reader) {
	f.t.Helper()
	c, err := net.DialTimeout("tcp", f.addr, program.Patience)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(program.Patience))
	r = bufio.NewReader(c)
	if pid, _, err = ask(c, r, false); err != nil {
		f.t.Fatal(err)
	}
	return pid, c, r
}

// Under load each of many restarts loses nothing.
func TestRestarts(t *testing.T) {
	restarts, clients, rest := 20, 200, 200*time.Millisecond
	if testing.Short() {
		restarts, clients, rest = 3, 20, 50*time.Millisecond
	}
	f := newFamily(t)
	l := newLoad(t, f.addr, clients, clients, rest)
	l.all(f.youngest(), 2*clients)
	for range restarts {
		f.restart()
	}
	l.all(f.youngest(), 2*clients)
	l.end()
	f.end()
}
