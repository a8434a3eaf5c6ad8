//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// TestLoopsShareEvenly has connections that stay open, so that each loop is given as many, of TCP and of a path.
func TestLoopsShareEvenly(t *testing.T) {
	const loops, each = 3, 5
	at := filepath.Join(t.TempDir(), "echo.sock")
	p := program.Start(t, program.Build(t), "-listen", "127.0.0.1:0", "-unix", at, "-loops", fmt.Sprint(loops))
	tcp := p.Expect("listening tcp ")
	if got := p.Expect("listening unix "); got != at {
		t.Errorf("it listens on %q", got)
	}
	for network, addr := range map[string]string{"tcp": tcp, "unix": at} {
		for range loops * each {
			c, err := net.DialTimeout(network, addr, program.Patience)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(program.Patience))
			got := make([]byte, 5)
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
				t.Fatalf("%s: %q came back, %v", network, got, err)
			}
		}
	}
	p.Signal(syscall.SIGQUIT)
	for range loops {
		p.Expect(" keep the loop running")
	}
	p.Signal(syscall.SIGTERM)
	totals := func(n int) string {
		return fmt.Sprintf("tcp: %d connections, %d bytes; udp: 0 datagrams, 0 bytes; unix: %d connections, %d bytes\n", n, 5*n, n, 5*n)
	}
	p.Ends(0, "loop 0: "+totals(each), "loop 1: "+totals(each), "loop 2: "+totals(each), "\n"+totals(loops*each))
}

// TestLoopsOfAllProcessors has as many loops as Go is told to use processors.
func TestLoopsOfAllProcessors(t *testing.T) {
	path := program.Build(t)
	for procs, last := range map[string]string{"1": "tcp: 1 connections, 1 bytes", "3": "loop 2: tcp: "} {
		t.Setenv("GOMAXPROCS", procs)
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-loops", "0")
		if got := ask(t, p.Expect("listening tcp "), []byte("x")); string(got) != "x" {
			t.Errorf("%q came back", got)
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, last)
	}
}
