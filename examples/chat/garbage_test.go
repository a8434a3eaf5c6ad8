package main

import (
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
			if l, err = c.lines.ReadString('\n'); strings.HasSuffix(l, " is now usher\n") || l == "* usher joined #lobby\n" {
				c.Close()
				return
			}
		}
		c.Close()
	}
	t.Fatal("the server is full of clients that have gone")
}

// TestRandomBytes sends what is no chat at all. Another client sees lines of the protocol only.
func TestRandomBytes(t *testing.T) {
	s := startServer(t)
	a := named(t, s.addr, "ann")
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		junk := make([]byte, 200_000)
		for i := range junk {
			junk[i] = byte(r.Uint32())
		}
		c := call(t, s.addr)
		go io.Copy(io.Discard, c)
		c.Write(junk)
		c.Write([]byte("\n\x1b[2Jstill here\n"))
		for {
			l := a.next("")
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) || !utf8.ValidString(l) {
				t.Errorf("%q", l)
			}
			if strings.HasSuffix(l, ": [2Jstill here") {
				break
			}
		}
		c.Close()
	}
	a.send("/who")
	a.next("* in #lobby: ann")
}
