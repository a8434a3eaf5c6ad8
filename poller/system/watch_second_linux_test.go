//go:build linux

package system_test

import (
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
