//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pike/poller"
)

// shortDir is a folder whose name leaves room for a socket's: 104 bytes is all there
// is on some systems, and t.TempDir may need more.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pike")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestUnixStream has connections over paths and, where there are such, abstract
// names.
func TestUnixStream(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, path := range append(abstractNames(), filepath.Join(shortDir(t), "socket")) {
			addr := poller.Addr{Path: path}
			a, b := pair(t, p, addr)
			if got := b.Addr(); got != addr {
				t.Errorf("Addr is %v, want %v", got, addr)
			}
			if a.Peer() != addr || a.Addr().IsValid() {
				t.Errorf("a client without a name has the address %v and the peer %v", a.Addr(), a.Peer())
			}
			if b.Peer().IsValid() {
				t.Errorf("the peer of the accepted end has no name, and it is %v", b.Peer())
			}
			var got bytes.Buffer
			var end error
			b.received = func(p []byte, err error) { got.Write(p); end = err }
			b.Start()
			big := bytes.Repeat([]byte("pike"), 1<<20)
			done := a.Send([][]byte{big[:1], big[1:]})
			a.sent = func(err error) { done = err == nil }
			until(t, p, "all is received", func() bool { return done && got.Len() == len(big) })
			if !bytes.Equal(got.Bytes(), big) {
				t.Error("received something else")
			}
			if err := a.SetOption(poller.NoDelay, 1); err == nil {
				t.Error("a unix-domain socket took NoDelay")
			}
			a.Close()
			until(t, p, "the end is received", func() bool { return end != nil })
			if end != io.EOF {
				t.Errorf("received %v", end)
			}
			b.Close()
		}
	})
}

func TestUnixErrors(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		long := poller.Addr{Path: "/" + strings.Repeat("x", 200)}
		if _, err := p.Listen(long, nil, new(listener)); err == nil {
			t.Error("listened on a path that is too long")
		}
		if _, err := p.Dial(long, nil, new(stream)); err == nil {
			t.Error("dialed a path that is too long")
		}
		var failed error
		s := dial(t, p, poller.Addr{Path: filepath.Join(shortDir(t), "nobody")})
		s.connected = func(err error) { failed = err }
		until(t, p, "the dial has failed", func() bool { return failed != nil })
	})
}
