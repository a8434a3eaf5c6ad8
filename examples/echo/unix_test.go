//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// testUnix serves a path besides TCP, and alone, and comes back on its path after a SIGKILL.
func testUnix(t *testing.T, path string) {
	at := filepath.Join(t.TempDir(), "echo.sock")
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	t.Run("both", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-unix", at, "-mode", "0660", "-loops", "2")
		tcp := p.Expect("listening tcp ")
		if got := p.Expect("listening unix "); got != at {
			t.Errorf("it listens on %q", got)
		}
		if st, err := os.Lstat(at); err != nil || st.Mode() != os.ModeSocket|0o660 {
			t.Errorf("the file: %v, %v", st, err)
		}
		for _, addr := range []string{at, tcp, at} {
			if got := ask(t, addr, big, []byte("x")); len(got) != len(big)+1 {
				t.Errorf("%d bytes came back from %s", len(got), addr)
			}
		}
		program.Start(t, path, "-unix", at).Ends(1, "echo: listen unix "+at+": bind: ")
		p.Signal(syscall.SIGTERM)
		p.Ends(0, "tcp: 1 connections, 262145 bytes; udp: 0 datagrams, 0 bytes; unix: 2 connections, 524290 bytes")
		if _, err := os.Lstat(at); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
	})
	t.Run("again after SIGKILL", func(t *testing.T) {
		p := program.Start(t, path, "-unix", at)
		p.Expect("listening unix ")
		c, err := net.Dial("unix", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p.Signal(syscall.SIGKILL)
		c.SetDeadline(time.Now().Add(program.Patience))
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err) // now it is dead
		}
		p = program.Start(t, path, "-unix", at, "-frame", "7")
		p.Expect("listening unix ")
		if got := ask(t, at, []byte("12345678")); string(got) != "12345678" {
			t.Errorf("%q came back", got)
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, "unix: 1 connections, 8 bytes")
	})
}
