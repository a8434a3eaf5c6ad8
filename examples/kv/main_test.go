//go:build unix

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// started is the program at exe, with a socket of TCP and one of the file system.
func started(t *testing.T, exe string) (p *program.Program, addr, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kv") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "socket")
	p = program.Start(t, exe, "-listen", "127.0.0.1:0", "-unix", path)
	addr = p.Expect("listening ")
	if got := p.Expect("listening "); got != path {
		t.Fatalf("it listens at %q, want %q", got, path)
	}
	return p, addr, path
}

// ends has the program end by a signal.
func ends(t *testing.T, p *program.Program) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	p.Ends(0)
}

// asks sends a line on each network, and wants an answer.
func asks(t *testing.T, network, addr, line, want string) {
	t.Helper()
	c, err := net.DialTimeout(network, addr, program.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	io.WriteString(c, line+"\r\n")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("%s %s: %q, %v, want %q", network, line, got, err, want)
	}
}

func TestProgram(t *testing.T) {
	exe := program.Build(t)
	t.Run("both networks", func(t *testing.T) { testNetworks(t, exe) })
	t.Run("redis-cli", func(t *testing.T) { testRedisCLI(t, exe) })
	t.Run("redis-benchmark", func(t *testing.T) { testRedisBenchmark(t, exe) })
	t.Run("bad flags", func(t *testing.T) {
		for _, args := range [][]string{{"-listen", "127.0.0.1:0", "-unix", "/nowhere/at/all"}, {"-nonsense"}} {
			if program.Start(t, exe, args...).Wait() == 0 {
				t.Errorf("%q: it ends well", args)
			}
		}
	})
}

func testNetworks(t *testing.T, exe string) {
	p, addr, path := started(t, exe)
	asks(t, "tcp", addr, "SET a 1", "+OK\r\n")
	asks(t, "unix", path, "INCR a", ":2\r\n") // the same keys
	program.Garbage(t, "tcp", addr)
	program.Garbage(t, "unix", path)
	asks(t, "tcp", addr, "GET a", "$1\r\n2\r\n")
	ends(t, p)
}

// tool runs one of Redis's own programs, or skips.
func tool(t *testing.T, name, in string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name, ", which is Redis's own client, is not here: ", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), program.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func testRedisCLI(t *testing.T, exe string) {
	p, addr, path := started(t, exe)
	host, port, _ := net.SplitHostPort(addr)
	for _, to := range [][]string{{"-h", host, "-p", port}, {"-s", path}} {
		script := "PING\nSET a 1 EX 100\nINCR a\nGET a\nTTL a\nSET a 5 NX\nDEL a b\nGET a\nEXPIRE a 5\nTTL a\nHELLO 3\n"
		want := "PONG\nOK\n2\n2\n100\n\n1\n\n0\n-2\nNOPROTO unsupported protocol version\n\n"
		if got := tool(t, "redis-cli", script, to...); got != want {
			t.Errorf("%q: %q, want %q", to, got, want)
		}
		big := strings.Repeat("value ", 1<<20)
		if got := tool(t, "redis-cli", big, append(to, "-x", "SET", "big")...); got != "OK\n" {
			t.Errorf("SET of %d bytes: %q", len(big), got)
		}
		if got := tool(t, "redis-cli", "", append(to, "GET", "big")...); got != big+"\n" {
			t.Errorf("GET of %d bytes: %d", len(big), len(got))
		}
		got := tool(t, "redis-cli", strings.Repeat(array("INCR", "n"), 10_000), append(to, "--pipe")...)
		if !strings.Contains(got, "errors: 0, replies: 10000") {
			t.Errorf("--pipe: %s", got)
		}
	}
	if got := tool(t, "redis-cli", "", "-s", path, "GET", "n"); got != "20000\n" {
		t.Errorf("n is %s", got)
	}
	ends(t, p)
}

func testRedisBenchmark(t *testing.T, exe string) {
	p, addr, path := started(t, exe)
	host, port, _ := net.SplitHostPort(addr)
	for _, args := range [][]string{
		{"-h", host, "-p", port, "-n", "5000", "-c", "50"},
		{"-h", host, "-p", port, "-n", "50000", "-c", "20", "-P", "50", "-d", "1000", "-r", "1000"},
		{"-s", path, "-n", "20000", "-c", "20", "-P", "16"},
		{"-s", path, "-n", "500", "-c", "10", "-P", "5", "-d", "100000"},
	} {
		out := tool(t, "redis-benchmark", "", append(args, "--csv", "-t", "ping,set,get,incr")...)
		served := 0
		for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
			if strings.HasPrefix(s.Text(), `"`) && !strings.HasPrefix(s.Text(), `"test"`) {
				served++
			}
		}
		if served != 5 || strings.Contains(strings.ToUpper(out), "WARN") || strings.Contains(out, "rror") {
			t.Errorf("%q: %d of 5 tests, or not without complaint:\n%s", args, served, out)
		}
	}
	ends(t, p)
}
