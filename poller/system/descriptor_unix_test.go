//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// TestDescriptorAndPending waits as a loop does that is embedded in another: the
// queue's descriptor is readable, or Pending says that the next Poll has something
// to tell that was put off.
func TestDescriptorAndPending(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		run := func(what string, done func() bool) {
			t.Helper()
			for !done() {
				fds := []unix.PollFd{{Fd: int32(p.(poller.Descriptor).Fd()), Events: unix.POLLIN}}
				if !p.(poller.Pender).Pending() {
					if n, _ := unix.Poll(fds, 5000); n == 0 {
						t.Fatalf("waiting until %s: nothing tells that there is something to do", what)
					}
				}
				if err := p.Poll(0); err != nil {
					t.Fatal("Poll: ", err)
				}
			}
		}
		closed := false
		l := listen(t, p, local)
		l.closed = func() { closed = true }
		l.Close()
		run("a listener is closed", func() bool { return closed })

		var sent error
		s := bind(t, p, local, nil)
		s.sent = func(_ int, err error) { sent = err }
		s.Send([]poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}})
		run("an error is told", func() bool { return sent != nil })

		// What the last upcalls of a Poll put off.
		n := 0
		var next func()
		next = func() {
			if n++; n < 10 {
				l := listen(t, p, local)
				l.closed = next
				l.Close()
			}
		}
		next()
		run("a chain has ended", func() bool { return n == 10 })
		if p.(poller.Pender).Pending() {
			t.Error("something is pending, and nothing was put off")
		}
	})
}

// TestEmbedded has one poller watch another's descriptor.
func TestEmbedded(t *testing.T) {
	each(t, func(t *testing.T, inner poller.Poller) {
		outer := opened(t)(system.Open(""))
		defer outer.Close()
		w := new(watch)
		w.ready = func(poller.Events) {
			if err := inner.Poll(0); err != nil {
				t.Error("Poll: ", err)
			}
		}
		var err error
		if w.Watch, err = outer.Watch(inner.(poller.Descriptor).Fd(), poller.Readable, w); err != nil {
			t.Fatal("Watch: ", err)
		}
		a, b := pair(t, inner, local)
		var got bytes.Buffer
		b.received = func(p []byte, _ error) { got.Write(p) }
		b.Start()
		a.Send([][]byte{[]byte("hello")})
		until(t, outer, "it arrives through both", func() bool { return got.String() == "hello" })
		go inner.Wake()
		until(t, outer, "a Wake does", func() bool { return true })
		w.Close()
		closed := false
		w.closed = func() { closed = true }
		until(t, outer, "the watch is closed", func() bool { return closed })
	})
}
