package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// TestGarbage has a server that takes random bytes from many, and serves two friends as before.
func TestGarbage(t *testing.T) {
	s := startServer(t, "-max", "50")
	program.Garbage(t, "tcp", s.addr)
	waitForRoom(t, s.addr)
	a, b := named(t, s.addr, "ann"), named(t, s.addr, "bob")
	a.send("still here")
	b.next("[#lobby] ann: still here")
	if strings.Contains(s.stderr.String(), "panic") {
		t.Error("it panicked")
	}
	s.signal(os.Interrupt)
	for _, c := range []*caller{a, b} {
		c.next(goodbye)
		c.ends()
	}
	s.ends(0)
}

// waitForRoom waits until the server has let go of clients that have gone: until it has read their ends it is full of
// them, and refuses everyone. Connections are accepted in the order of their coming, so none of theirs comes later.
func waitForRoom(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c := call(t, addr)
		io.WriteString(c, "/nick usher\n") // refused, it is reset or told why
		for err := error(nil); err == nil; {
			var l string
			if l, err = c.lines.ReadString('\n'); strings.HasSuffix(l, " is now usher\n") {
				c.Close()
				return
			}
		}
		c.Close()
	}
	t.Fatal("the server is full of clients that have gone")
}

// TestSecondSignal does not wait for clients that do not close.
func TestSecondSignal(t *testing.T) {
	s := startServer(t)
	named(t, s.addr, "ann")
	s.signal(syscall.SIGTERM)
	s.signal(os.Interrupt)
	s.ends(0)
	s.logged("shut down")
}
