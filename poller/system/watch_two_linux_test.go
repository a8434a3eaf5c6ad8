//go:build linux

package system_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// Two watch a descriptor, one of them for nothing, and its owner closes it: neither silences
// the socket that gets the number.
func TestSecondWatchOfAClosedDescriptor(t *testing.T) {
	for _, v := range []string{"B0", "A0"} {
		t.Run(v, func(t *testing.T) {
			each(t, func(t *testing.T, p poller.Poller) {
				r, w := pipe(t)
				var a, b *watched
				if v == "B0" {
					a = watchFd(t, p, r.fd, poller.Readable)
					b = watchFd(t, p, r.fd, 0)
					b.Close()
				} else {
					a = watchFd(t, p, r.fd, 0)
					b = watchFd(t, p, r.fd, poller.Readable)
					b.Close()
					if err := a.Set(poller.Readable); err != nil {
						t.Fatal(err)
					}
				}
				until(t, p, "b over", func() bool { return b.over })
				number := r.fd
				r.close()
				w.close()
				got := 0
				s := new(packet)
				s.received = func(ms []poller.Message, err error) { got += len(ms) }
				var err error
				if s.Packet, err = p.Bind(local, nil, s); err != nil {
					t.Fatal(err)
				}
				if fd := s.Packet.(poller.Descriptor).Fd(); int(fd) != number {
					t.Skip("number")
				}
				s.Start()
				a.Close()
				other := bind(t, p, local, nil)
				other.Send([]poller.Message{{Data: []byte("x"), Peer: s.Addr().AddrPort}})
				for i := 0; i < 20 && got == 0; i++ {
					pause(t, p, 10*time.Millisecond)
				}
				if got == 0 {
					t.Error("the new socket is deaf")
				}
			})
		})
	}
}

// connected, a batch: the first is refused by the peer, the second is to a healthy one.
func TestRevSwallowedRefusal(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, k := range []int{1, 2, 3} {
			dead := bind(t, p, local, nil)
			addr := dead.Addr()
			dead.Close()
			pause(t, p, 5*time.Millisecond)
			live := bind(t, p, local, nil)
			got := 0
			live.received = func(ms []poller.Message, err error) { got += len(ms) }
			live.Start()
			s := new(packet)
			told := 0
			s.received = func(ms []poller.Message, err error) {
				if err != nil {
					if !errors.Is(err, syscall.ECONNREFUSED) {
						t.Error(err)
					}
					told++
				}
			}
			var err error
			if s.Packet, err = p.Bind(local, nil, s); err != nil {
				t.Fatal(err)
			}
			s.Start()
			if err := s.Connect(addr); err != nil {
				t.Fatal(err)
			}
			ms := []poller.Message{{Data: []byte("x"), Peer: addr.AddrPort}}
			for range k {
				ms = append(ms, poller.Message{Data: []byte("yy"), Peer: live.Addr().AddrPort})
			}
			s.Send(ms)
			for i := 0; i < 5; i++ {
				pause(t, p, 10*time.Millisecond)
			}
			t.Log("k", k, "got", got, "told", told)
			if told == 0 {
				t.Error("the refusal is not told")
			}
		}
	})
	_ = unix.EAGAIN
}

// A second Watch beside one that is for errors alone is refused, or is told.
func TestSecondWatchBesideOneOfErrors(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, w := pipe(t)
		a := watchFd(t, p, r.fd, poller.Failed)
		b := new(watched)
		var err error
		b.Watch, err = p.Watch(uintptr(r.fd), poller.Readable, b)
		if err != nil {
			t.Log("refused:", err)
			a.Close()
			return
		}
		unix.Write(w.fd, []byte("x"))
		if ev := b.now(t, p); ev != poller.Readable {
			t.Errorf("the second Watch was told %x", ev)
		}
		w.close()
	})
}

// A duplicate that Release is not asked for makes no events once the stream is closed.
func TestDuplicateIsNotWatched(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		pause(t, p, 10*time.Millisecond)
		fd, err := b.Stream.(poller.Duplicator).Duplicate()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(int(fd))
		over := false
		b.closed = func() { over = true }
		b.Close()
		until(t, p, "over", func() bool { return over })
		a.Stop()
		before := p.(poller.Meter).Events()
		for range 50 {
			a.Send([][]byte{[]byte("x")})
			pause(t, p, time.Millisecond)
		}
		t.Log("events:", p.(poller.Meter).Events()-before)
		if p.(poller.Meter).Events()-before > 5 {
			t.Error("the duplicate is watched still")
		}
	})
}

// WatchEnd before anything else, of a stream that is not watched yet, does not end it.
func TestWatchEndInAccepted(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		l := listen(t, p, local)
		var acc *stream
		got, ended := 0, error(nil)
		l.accepted = func(s poller.Stream) poller.StreamHandler {
			acc = &stream{Stream: s}
			acc.received = func(b []byte, err error) {
				got += len(b)
				if err != nil {
					ended = err
				}
			}
			s.(poller.EndWatcher).WatchEnd()
			return acc
		}
		d := dial(t, p, l.Addr())
		until(t, p, "accepted", func() bool { return acc != nil })
		acc.Start()
		d.Send([][]byte{[]byte("x")})
		for i := 0; i < 20 && got == 0 && ended == nil; i++ {
			pause(t, p, 5*time.Millisecond)
		}
		t.Log("got", got, "ended", ended)
		if got == 0 {
			t.Error("deaf")
		}
	})
}
