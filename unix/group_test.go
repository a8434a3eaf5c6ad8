//go:build !windows

package unix_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/unix"
)

// TestListenGroup has the connections to a path divided evenly, on the system. Windows refuses every path, and
// TestUnsupported holds that.
func TestListenGroup(t *testing.T) {
	const loops, each = 3, 4
	path := shortDir(t) + "/socket"
	g, err := loop.NewGroup(loop.GroupOptions{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := unix.ListenGroup(g, path, &unix.Options{Spread: stream.SpreadBySystem}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("divided by the system: %v", err)
	}
	if _, err := unix.ListenGroup(g, "", nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("without a path: %v", err)
	}
	lc := unix.ListenConfig{Mode: 0o600}
	ln, err := lc.ListenGroup(g, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := ln.LocalAddr().Path; got != path {
		t.Errorf("it listens on %q", got)
	}
	if st, err := os.Lstat(path); err != nil || st.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the file: %v, %v", st, err)
	}
	var open [loops]atomic.Int32
	ln.OnAccept = func(c *unix.Conn) {
		_, i := c.Loop().Group()
		open[i].Add(1)
		c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(*unix.Conn, error) { open[i].Add(-1) }
	}
	over := make(chan error, 1)
	go func() { over <- g.Run(context.Background(), nil) }()
	for range loops * each {
		c, err := net.DialTimeout("unix", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		got := make([]byte, 5)
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			t.Fatalf("%q came back, %v", got, err)
		}
	}
	for i := range open {
		if n := open[i].Load(); n != each {
			t.Errorf("loop %d has %d connections of %d", i, n, loops*each)
		}
	}
	var r loop.GroupReport
	if err := g.Shutdown(context.Background(), 0, func(of loop.GroupReport) { r = of }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-over:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatalf("the group still runs after %v", patience)
	}
	if r.Cut != loops*each || ln.Metrics().Open != 0 {
		t.Errorf("in the end: %+v, %+v", r.ShutdownReport, ln.Metrics())
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}
