//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// What the owner of a watched descriptor does too early is nobody else's trouble: each
// way to go on with the Watch, and each kind of socket that gets the number.
func TestWatchOfAClosedDescriptor(t *testing.T) {
	acts := map[string]func(t *testing.T, w *watched){
		"Close":      func(t *testing.T, w *watched) { w.Close() },
		"Set":        func(t *testing.T, w *watched) { isBadFd(t, w.Set(poller.Readable|poller.Writable)) },
		"Set 0":      func(t *testing.T, w *watched) { w.Set(0) },
		"Set 0, Set": func(t *testing.T, w *watched) { w.Set(0); isBadFd(t, w.Set(poller.Readable)) },
		"Set, Close": func(t *testing.T, w *watched) { w.Set(poller.Writable); w.Close() },
		"nothing":    func(t *testing.T, w *watched) {},
	}
	for name, act := range acts {
		for _, paused := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				each(t, func(t *testing.T, p poller.Poller) { lostWatch(t, p, act, paused) })
			})
		}
	}
}

func isBadFd(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.EBADF) {
		t.Errorf("Set of a Watch whose descriptor is gone: %v, want EBADF", err)
	}
}

func lostWatch(t *testing.T, p poller.Poller, act func(*testing.T, *watched), paused bool) {
	r, w := pipe(t)
	lost := watchFd(t, p, r.fd, poller.Readable)
	if paused {
		if err := lost.Set(0); err != nil {
			t.Fatal("Set(0): ", err)
		}
	}
	number := r.fd
	r.close() // too early
	w.close()
	got := 0
	s := new(packet)
	s.received = func(ms []poller.Message, err error) { got += len(ms) }
	var err error
	if s.Packet, err = p.Bind(local, nil, s); err != nil {
		t.Fatal("Bind: ", err)
	}
	if fd := s.Packet.(poller.Descriptor).Fd(); int(fd) != number {
		t.Skip("the number was not used again")
	}
	s.Start()
	act(t, lost)
	other := bind(t, p, local, nil)
	other.Send([]poller.Message{{Data: []byte("x"), Peer: s.Addr().AddrPort}})
	until(t, p, "it has arrived", func() bool { return got > 0 })
	if n := pause(t, p, 20*time.Millisecond); n > 5 {
		t.Errorf("20 ms took %d Polls", n)
	}
	if len(lost.events) > 0 {
		t.Errorf("the Watch of the pipe was told %x", lost.events)
	}
	lost.Close()
	other.Send([]poller.Message{{Data: []byte("y"), Peer: s.Addr().AddrPort}})
	until(t, p, "it has arrived", func() bool { return got > 1 && lost.over })
}

// The number goes to another file, which is watched too: that Watch is the one that
// counts.
func TestWatchOfANumberThatIsUsedAgain(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pipe(t)
		first := watchFd(t, p, a.fd, poller.Readable)
		number := a.fd
		a.close()
		b.close()
		r, w := pipe(t)
		if r.fd != number {
			t.Skip("the number was not used again")
		}
		second := watchFd(t, p, r.fd, poller.Readable)
		isBadFd(t, first.Set(poller.Readable|poller.Writable))
		first.Close()
		unix.Write(w.fd, []byte("x"))
		if ev := second.now(t, p); ev != poller.Readable {
			t.Errorf("the second Watch was told %x", ev)
		}
		if len(first.events) > 0 {
			t.Errorf("the first Watch was told %x", first.events)
		}
		second.Close()
	})
}

// The file lives on under another number, which nobody can take out of an epoll
// instance: it must not be reported for ever.
func TestWatchOfAClosedDuplicate(t *testing.T) {
	for _, act := range []string{"Close", "Set"} {
		t.Run(act, func(t *testing.T) {
			each(t, func(t *testing.T, p poller.Poller) {
				r, w := pipe(t)
				d, err := unix.Dup(r.fd)
				if err != nil {
					t.Fatal("dup: ", err)
				}
				duplicate := &file{fd: d}
				t.Cleanup(duplicate.close)
				unix.Write(w.fd, []byte("x"))
				l := listen(t, p, local)
				l.Start()
				s := bind(t, p, local, nil)
				s.Start()
				lost := watchFd(t, p, duplicate.fd, poller.Readable)
				duplicate.close()
				if act == "Close" {
					lost.Close()
				} else {
					isBadFd(t, lost.Set(poller.Readable|poller.Writable))
				}
				lost.events = nil
				pause(t, p, 20*time.Millisecond)
				if n := pause(t, p, 20*time.Millisecond); n > 5 {
					t.Errorf("20 ms took %d Polls", n)
				}
				if len(lost.events) > 0 {
					t.Errorf("the Watch was told %x", lost.events)
				}
				// The others are watched as before.
				other := bind(t, p, local, nil)
				got := 0
				s.received = func(ms []poller.Message, err error) { got += len(ms) }
				other.Send([]poller.Message{{Data: []byte("x"), Peer: s.Addr().AddrPort}})
				accepted := 0
				l.accepted = func(poller.Stream) poller.StreamHandler { accepted++; return nil }
				c := new(stream)
				if c.Stream, err = p.Dial(l.Addr(), nil, c); err != nil {
					t.Fatal("Dial: ", err)
				}
				until(t, p, "it has arrived", func() bool { return got == 1 && accepted == 1 })
				if err := p.Wake(); err != nil {
					t.Error("Wake: ", err)
				}
				if err := p.Poll(poller.Never); err != nil {
					t.Error("Poll: ", err)
				}
			})
		})
	}
}
