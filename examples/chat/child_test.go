package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// asProgram makes the test binary the program itself, so that the tests need no compiler to run it.
const asProgram = "CHAT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds whatever a test waits for.
const patience = 60 * time.Second * slowdown

// A child is the program running, as a server or as a terminal.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout text
	stderr text
	addr   string // of a server
	done   chan struct{}
	err    error // of Wait
}

// A text is what somebody has written so far.
type text struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.data.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.data.String()
}

func start(t testing.TB, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return launch(t, cmd)
}

// launch starts a command.
func launch(t testing.TB, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd, done: make(chan struct{})}
	var err error
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("%v printed %q and logged\n%s", cmd.Args, c.stdout.String(), c.stderr.String())
		}
	})
	return c
}

// startServer starts a server on a port of its own.
func startServer(t testing.TB, args ...string) *child {
	t.Helper()
	c := start(t, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	c.listens()
	return c
}

// listens waits until a server does.
func (c *child) listens() {
	c.t.Helper()
	c.printed("join with: ")
	_, rest, ok := strings.Cut("\n"+c.stdout.String(), "\nlistening on ")
	if !ok {
		c.t.Fatalf("it does not say where it listens, but %q", rest)
	}
	c.addr, _, _ = strings.Cut(rest, "\n")
}

// printed waits for something on standard output, logged for something on standard error.
func (c *child) printed(s string) { c.t.Helper(); c.wait(&c.stdout, s) }
func (c *child) logged(s string)  { c.t.Helper(); c.wait(&c.stderr, s) }

func (c *child) wait(x *text, s string) {
	c.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.String(), s); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%q did not come, but %q", s, x.String())
		}
	}
}

// ends waits for the program to end with a status, and says how long that took.
func (c *child) ends(status int) time.Duration {
	c.t.Helper()
	began := time.Now()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatal("the program does not end")
	}
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		c.t.Errorf("exit status %d, want %d: %v", got, status, c.err)
	}
	return time.Since(began)
}

// A caller is a client that knows nothing of pike.
type caller struct {
	t testing.TB
	*net.TCPConn
	lines *bufio.Reader
}

func call(t testing.TB, addr string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &caller{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (c *caller) send(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.Join(lines, "\n")+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next line with a prefix.
func (c *caller) next(prefix string) string {
	c.t.Helper()
	for {
		l, err := c.lines.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%v, instead of %q", err, prefix)
		}
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSuffix(l, "\n")
		}
	}
}

// ends wants the end of the stream, with nothing before it.
func (c *caller) ends() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.lines); err != nil || len(rest) > 0 {
		c.t.Errorf("got %q, %v instead of the end", rest, err)
	}
}

// named calls, and takes a name.
func named(t testing.TB, addr, name string) *caller {
	t.Helper()
	c := call(t, addr)
	c.send("/nick " + name)
	for { // as a guest first if the machine is slow
		if l := c.next("* "); l == "* "+name+" joined #lobby" || strings.HasSuffix(l, " is now "+name) {
			return c
		}
	}
}
