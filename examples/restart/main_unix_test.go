//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// TestProgram runs the program, which is built once.
func TestProgram(t *testing.T) {
	built := program.Build(t)
	for _, c := range []struct {
		name string
		test func(t *testing.T, built string)
	}{
		{"Restarts", testRestarts},
		{"New version crashes", testNewVersionCrashes},
		{"New version is never ready", testNewVersionIsNeverReady},
		{"End while starting", testEndWhileStarting},
		{"Signal twice", testSignalTwice},
		{"Signal to the replaced", testSignalToTheReplaced},
		{"Answer under way", testAnswerUnderWay},
		{"Service manager", testServiceManager},
		{"Socket activation", testSocketActivation},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, built) })
	}
}

// fileOf is a file of the program for one test, which may put another in its place.
func fileOf(t *testing.T, built string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restart.exe")
	if err := os.Link(built, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// A family is a program and those that have replaced it.
type family struct {
	t    *testing.T
	p    *program.Program
	path string
	addr string
	pids []string // the youngest last
}

func newFamily(t *testing.T, built string, args ...string) *family {
	t.Helper()
	f := &family{t: t, path: fileOf(t, built)}
	all := append([]string{"-listen", "127.0.0.1:0", "-grace", "10m", "-idle", "10m", "-within", "10m"}, args...)
	f.p = program.Start(t, f.path, all...)
	f.begin()
	return f
}

// begin waits until the program listens.
func (f *family) begin() {
	f.t.Helper()
	f.addr = strings.TrimSpace(f.p.Expect("listening tcp"))
	pid, c, _ := f.ask()
	c.Close()
	f.pids = []string{pid}
	f.t.Cleanup(func() {
		for _, pid := range f.pids {
			f.kill(pid, syscall.SIGKILL)
		}
	})
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
func testRestarts(t *testing.T, built string) {
	restarts, clients, rest := 20, 200, 200*time.Millisecond
	if testing.Short() {
		restarts, clients, rest = 3, 20, 50*time.Millisecond
	}
	f := newFamily(t, built)
	l := newLoad(t, f.addr, clients, clients, rest)
	l.all(f.youngest(), 2*clients)
	for range restarts {
		f.restart()
	}
	l.all(f.youngest(), 2*clients)
	l.end()
	f.end()
}

// replaceFile puts another program in the place of the file, as an update does, and puts the old one back.
func (f *family) replaceFile(script string) (restore func()) {
	f.t.Helper()
	old, next := f.path+".old", f.path+".next"
	if err := os.WriteFile(next, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path, old); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path); err != nil {
		f.t.Fatal(err)
	}
	return func() {
		if err := os.Rename(old, f.path); err != nil {
			f.t.Fatal(err)
		}
	}
}

// A new version that crashes leaves the old one serving, and the connections that it has. The next version takes
// over.
func testNewVersionCrashes(t *testing.T, built string) {
	f := newFamily(t, built)
	old, c, r := f.ask()
	restore := f.replaceFile("exit 3")
	for range 2 {
		f.kill(old, syscall.SIGHUP)
		f.p.Expect("without a word that it is ready: exit status 3")
		if pid, last, err := ask(c, r, false); pid != old || last || err != nil {
			t.Errorf("on an old connection: %s, last %v, %v", pid, last, err)
		}
		if pid, c, _ := f.ask(); pid != old {
			t.Errorf("%s answers", pid)
		} else {
			c.Close()
		}
	}
	restore()
	f.restart()
	if pid, last, err := ask(c, r, false); pid != old || !last || err != nil {
		t.Errorf("the last answer: %s, last %v, %v", pid, last, err)
	}
	if pid, c, _ := f.ask(); pid != f.youngest() {
		t.Errorf("%s answers", pid)
	} else {
		c.Close()
	}
	f.end()
}

// One that never says that it is ready is killed, and the old one says so.
func testNewVersionIsNeverReady(t *testing.T, built string) {
	f := newFamily(t, built, "-within", "50ms")
	f.replaceFile("exec sleep 600")
	f.kill(f.youngest(), syscall.SIGHUP)
	pid := strings.TrimSpace(f.p.Expect("starts "))
	f.p.Expect("it was not ready after 50ms")
	if err := exec.Command("kill", "-0", pid).Run(); err == nil {
		t.Error("it lives on")
	}
	pid, c, _ := f.ask()
	c.Close()
	if pid != f.youngest() {
		t.Errorf("%s answers", pid)
	}
	f.end()
}

// A signal to end that comes while a new version starts ends both.
func testEndWhileStarting(t *testing.T, built string) {
	f := newFamily(t, built)
	f.replaceFile("exec sleep 600")
	f.kill(f.youngest(), syscall.SIGHUP)
	pid := strings.TrimSpace(f.p.Expect("starts "))
	f.kill(f.youngest(), syscall.SIGTERM)
	f.p.Ends(0, "ends, and so does the next process", " requests")
	if err := exec.Command("kill", "-0", pid).Run(); err == nil {
		t.Error("the new one lives on")
	}
}

// A second SIGHUP may be for a version that the first has not seen.
func testSignalTwice(t *testing.T, built string) {
	f := newFamily(t, built)
	f.kill(f.youngest(), syscall.SIGHUP)
	f.p.Expect("starts ")
	f.kill(f.youngest(), syscall.SIGHUP)
	f.replaced()
	f.replaced()
	f.end()
}

// Whoever sends a signal may know the old process only.
func testSignalToTheReplaced(t *testing.T, built string) {
	f := newFamily(t, built)
	first, c, _ := f.ask() // so that it does not end
	f.restart()
	f.kill(first, syscall.SIGHUP)
	f.replaced()
	c.Close()
	f.end()
}

// An answer that is under way is given by the process that was asked, and says that it is the last.
func testAnswerUnderWay(t *testing.T, built string) {
	f := newFamily(t, built)
	for wait := 200 * time.Millisecond; ; wait *= 2 {
		old, c, r := f.ask()
		_, err := fmt.Fprintf(c, "GET /?wait=%v HTTP/1.1\r\nHost: restart\r\n\r\n", wait)
		if err != nil {
			t.Fatal(err)
		}
		f.restart()
		pid, last, err := answer(r)
		if err != nil || pid != old {
			t.Fatalf("%s has answered, %v; %s was asked", pid, err, old)
		}
		if last {
			break
		}
		if wait > program.Patience { // the restart has taken longer
			t.Fatal("an answer is not the last")
		}
		c.Close()
	}
	f.end()
}

// The service manager is told who is its main process, and when.
func testServiceManager(t *testing.T, built string) {
	dir, err := os.MkdirTemp("", "pike")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notify")
	m, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.SetReadDeadline(time.Now().Add(4 * program.Patience))
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 1024)
		n, err := m.Read(b)
		text := string(b[:n])
		if begins, ok := strings.CutSuffix(want, "..."); ok && strings.HasPrefix(text, begins) {
			text = want
		}
		if err != nil || text != want {
			t.Fatalf("it was told %q, %v, want %q", text, err, want)
		}
	}
	t.Setenv("NOTIFY_SOCKET", path)
	f := newFamily(t, built)
	hear("READY=1")
	restore := f.replaceFile("exit 3")
	f.kill(f.youngest(), syscall.SIGHUP)
	hear("RELOADING=1...")
	hear("READY=1\nSTATUS=the last restart has failed")
	restore()
	for range 2 {
		f.restart()
		hear("RELOADING=1...")
		hear("MAINPID=" + f.youngest() + "\nREADY=1")
	}
	f.end()
	hear("STOPPING=1")
}

// A listener of a socket unit is taken, and passed on.
func testSocketActivation(t *testing.T, built string) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	file, err := nl.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("LISTEN_FDNAMES", "http")
	f := &family{t: t, path: fileOf(t, built)}
	script := `LISTEN_PID=$$ exec "$0" -listen 127.0.0.1:1 -grace 10m -idle 10m -within 10m`
	f.p = program.StartWith(t, []*os.File{file}, sh, "-c", script, f.path)
	f.begin()
	if f.addr != nl.Addr().String() {
		t.Errorf("it listens on %s, and was given %s", f.addr, nl.Addr())
	}
	f.restart()
	if pid, c, _ := f.ask(); pid != f.youngest() {
		t.Errorf("%s answers", pid)
	} else {
		c.Close()
	}
	f.end()
}
