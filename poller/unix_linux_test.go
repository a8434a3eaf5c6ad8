package poller_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// TestUnixStream has connections over paths and over abstract names.
func TestUnixStream(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, path := range []string{
			filepath.Join(t.TempDir(), "socket"),
			fmt.Sprintf("@pike-%d", os.Getpid()),
		} {
			addr := poller.Addr{Path: path}
			a, b := pair(t, p, addr)
			if got := b.Addr(); got != addr {
				t.Errorf("Addr is %v, want %v", got, addr)
			}
			if a.Peer().IsValid() || a.Addr().IsValid() {
				t.Errorf("a client without a name has the address %v and the peer %v", a.Addr(), a.Peer())
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
		s := dial(t, p, poller.Addr{Path: filepath.Join(t.TempDir(), "nobody")})
		s.connected = func(err error) { failed = err }
		until(t, p, "the dial has failed", func() bool { return failed != nil })
	})
}

// TestUnixNames adopts sockets with names that a program of another language may
// give: the longest has no terminator, and its length is one more than there is
// room for (unix(7), BUGS).
func TestUnixNames(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		dir := t.TempDir()
		path := dir + "/" + strings.Repeat("x", 107-len(dir))
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal("socket: ", err)
		}
		defer unix.Close(fd)
		if err := bindWhole(fd, path); err != nil {
			t.Skip("this system wants a terminator: ", err)
		}
		l := new(listener)
		if l.Socket, err = p.(poller.Adopter).AdoptListener(uintptr(fd), l); err != nil {
			t.Fatal("AdoptListener: ", err)
		}
		if got := l.Addr().Path; got != path {
			t.Errorf("Addr is %q, want %q", got, path)
		}
		l.Close()
		pause(t, p, time.Millisecond)
	})
}
