//go:build !kqfake

// The model of kqueue allocates, and makes many calls for one.

package stream_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/pike/tcp"
)

// What a busy server asks of the system for an echo: to receive, to send, and
// its share of a wait that serves many.
func TestSystemCallsPerEcho(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		serveUntilStdinEnds(t)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace, which counts system calls, is not here: ", err)
	}
	const echoes = traceConns * traceTrips
	var n map[string]int
	for range 3 { // on a busy machine the clients may be too slow to keep the server busy
		n = traced(t, strace)
		if n["epoll_pwait"]+n["epoll_pwait2"] <= echoes/2 {
			break
		}
	}
	t.Log(n)
	atMost := func(what string, got, most int) {
		t.Helper()
		if got > most {
			t.Errorf("%s: %d for %d echoes over %d connections, at most %d", what, got, echoes, traceConns, most)
		}
	}
	// Besides its echoes a connection is accepted, watched, read to its end, and
	// closed; what it has left unread is looked for before that.
	atMost("to receive", n["recvfrom"]+n["recvmsg"]+n["read"]-readsOfTheRuntime, echoes+3*traceConns)
	atMost("to send", n["sendto"]+n["sendmsg"]+n["write"]-readsOfTheRuntime, echoes+traceConns)
	atMost("to wait", n["epoll_pwait"]+n["epoll_pwait2"]+n["epoll_wait"], echoes/2)
	atMost("to watch", n["epoll_ctl"], 4*traceConns)
	if n["recvfrom"] < echoes {
		t.Errorf("%d calls of recvfrom counted: strace missed some", n["recvfrom"])
	}
}

const (
	traceConns = 64
	traceTrips = 100
)

// traced has a server under strace serve a load, and returns how often it made
// each system call.
func traced(t *testing.T, strace string) map[string]int {
	t.Helper()
	counts := filepath.Join(t.TempDir(), "counts")
	server := exec.Command(strace, "-f", "-c", "-o", counts, os.Args[0], "-test.run=^"+t.Name()+"$")
	server.Env = append(os.Environ(), childVariable+"=1")
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.Contains(addr, ":") {
		stdin.Close()
		t.Skipf("strace cannot trace here: %q %v %v", addr, err, server.Wait())
	}
	load(t, strings.TrimSpace(addr), traceConns, traceTrips)
	stdin.Close()
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
	return readCounts(t, counts)
}

// readsOfTheRuntime is what a Go program reads and writes without being asked,
// and the test's own pipes.
const readsOfTheRuntime = 100

// serveUntilStdinEnds is the server, in a process of its own.
func serveUntilStdinEnds(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	})
	fmt.Println(ln.LocalAddr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		r.lp.Post(func() { ln.Close(); r.lp.Stop() })
	}()
	r.no(r.lp.Run())
}

// load has conns clients make so many round trips of 64 bytes each.
func load(t *testing.T, addr string, conns, trips int) {
	t.Helper()
	var wg sync.WaitGroup
	for range conns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		wg.Go(func() {
			b := make([]byte, 64)
			nc.SetDeadline(time.Now().Add(patience))
			for range trips {
				if _, err := nc.Write(b); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(nc, b); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// readCounts reads the table that strace -c has written: the number of calls is
// the fourth column, the name the last.
func readCounts(t *testing.T, file string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			counts[f[len(f)-1]] = n
		}
	}
	return counts
}
