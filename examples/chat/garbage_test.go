package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

// TestGarbage has a server that takes random bytes from many, and serves two friends as before.
func TestGarbage(t *testing.T) {
	s := startServer(t, "-max", "50")
	program.Garbage(t, "tcp", s.addr)
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

// TestSecondSignal does not wait for clients that do not close.
func TestSecondSignal(t *testing.T) {
	s := startServer(t)
	named(t, s.addr, "ann")
	s.signal(syscall.SIGTERM)
	s.signal(os.Interrupt)
	s.ends(0)
	s.logged("shut down")
}
