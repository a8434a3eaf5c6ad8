//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// The tests here have reads come back short although there is more, which nobody
// will tell a stream again that is watched by edges.

// TestUrgentByteHidesNothing: a read ends before a byte of urgent data (tcp(7)), and the
// byte itself is none of the stream's.
func TestUrgentByteHidesNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		fd := int(a.Stream.(poller.Descriptor).Fd())
		var got bytes.Buffer
		b.received = func(p []byte, err error) { got.Write(p) }
		urge := func() {
			a.TrySend([]byte("abc"))
			if err := unix.Sendto(fd, []byte("!"), unix.MSG_OOB, nil); err != nil {
				t.Fatal("Sendto: ", err)
			}
			a.TrySend([]byte("defg"))
		}
		urge()
		pause(t, p, time.Millisecond)
		b.Start()
		until(t, p, "what surrounds an urgent byte is received", func() bool { return got.String() == "abcdefg" })
		urge()
		until(t, p, "so does what comes later", func() bool { return got.String() == "abcdefgabcdefg" })
	})
}

// TestPassedDescriptorsHideNothing: a read of a unix-domain socket ends where descriptors
// were passed (unix(7)), which a stream has no use for.
func TestPassedDescriptorsHideNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, poller.Addr{Path: filepath.Join(t.TempDir(), "s")})
		fd := int(a.Stream.(poller.Descriptor).Fd())
		var got bytes.Buffer
		b.received = func(p []byte, err error) { got.Write(p) }
		for range 3 {
			if err := unix.Sendmsg(fd, []byte("abc"), unix.UnixRights(fd), nil, 0); err != nil {
				t.Fatal("Sendmsg: ", err)
			}
		}
		pause(t, p, time.Millisecond)
		b.Start()
		until(t, p, "all is received", func() bool { return got.String() == "abcabcabc" })
	})
}

// TestEndBehindData: data and the end of the peer are one event.
func TestEndBehindData(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		got, ended := 0, false
		b.received = func(p []byte, err error) {
			got += len(p)
			ended = ended || err == io.EOF
		}
		a.TrySend([]byte("abc"))
		a.Shutdown()
		pause(t, p, time.Millisecond)
		b.Start()
		until(t, p, "the end is received", func() bool { return ended })
		if got != 3 {
			t.Errorf("%d bytes, want 3", got)
		}
	})
}

// TestStopAndStartLoseNothing: a stream that stops with data left, in the middle of a
// batch, has them when it starts again, at once or later.
func TestStopAndStartLoseNothing(t *testing.T) {
	const size = 4 << 20
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		got, turn := 0, 0
		b.received = func(p []byte, err error) {
			got += len(p)
			if turn++; turn%3 == 0 {
				b.Stop()
			}
			if turn%6 == 0 {
				b.Start()
			}
		}
		b.Start()
		sent := false
		a.sent = func(error) { sent = true }
		sent = a.Send([][]byte{make([]byte, size)})
		until(t, p, "all is received", func() bool {
			b.Start()
			return sent && got == size
		})
	})
}

// TestBlockedSendAfterEnd: the end of the peer stays to be read for ever, which must not be
// told again and again while a Send waits for room.
func TestBlockedSendAfterEnd(t *testing.T) {
	const size = 16 << 20
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		ended, got, sent := false, 0, false
		b.received = func(_ []byte, err error) { ended = ended || err == io.EOF }
		b.sent = func(error) { sent = true }
		a.received = func(p []byte, err error) { got += len(p) }
		b.Start()
		a.Shutdown()
		until(t, p, "the end is received", func() bool { return ended })
		sent = b.Send([][]byte{make([]byte, size)})
		pause(t, p, 10*time.Millisecond) // until the system is full
		if polls := pause(t, p, 50*time.Millisecond); polls > 20 {
			t.Errorf("%d polls in 50 ms of waiting", polls)
		}
		a.Start()
		until(t, p, "all is received", func() bool { return sent && got == size })
	})
}

// TestDuplicateOutlivesStream: to close a descriptor does not end the events of a file that
// another descriptor keeps open. Nobody is told of them, and none makes Poll return.
func TestDuplicateOutlivesStream(t *testing.T) {
	for _, when := range []string{"before it starts", "after it started", "after its end", "after Close"} {
		t.Run("a duplicate made "+when, func(t *testing.T) {
			each(t, func(t *testing.T, p poller.Poller) {
				a, b := pair(t, p, local)
				duplicate := -1
				b.made(when == "before it starts", &duplicate)
				b.Start()
				pause(t, p, time.Millisecond)
				b.made(when == "after it started", &duplicate)
				if when == "after its end" {
					ended := false
					b.received = func([]byte, error) { ended = true }
					a.Shutdown()
					until(t, p, "the end is received", func() bool { return ended })
					b.made(true, &duplicate)
				}
				b.received = func([]byte, error) { t.Error("Received after Close") }
				isClosed := false
				b.closed = func() { isClosed = true }
				b.Close()
				b.made(when == "after Close", &duplicate)
				defer unix.Close(duplicate)
				until(t, p, "it is closed", func() bool { return isClosed })
				next, _ := pair(t, p, local) // in the slot that has become free, perhaps
				next.received = func([]byte, error) { t.Error("another stream was told") }
				next.Start()
				pause(t, p, time.Millisecond)
				unheard(t, p, a)
			})
		})
	}
}

// unheard has a send, and nothing of it become an event.
func unheard(t *testing.T, p poller.Poller, a *stream) {
	t.Helper()
	before := p.(poller.Meter).Events()
	for range 10 {
		a.TrySend([]byte("abc"))
		pause(t, p, time.Millisecond)
	}
	if n := p.(poller.Meter).Events() - before; n != 0 {
		t.Errorf("%d events of what is no longer watched", n)
	}
}

// TestReleasedTellsNothing: a descriptor that was given back stays open, and is no longer the
// poller's to watch.
func TestReleasedTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		pause(t, p, time.Millisecond)
		isClosed := false
		b.closed = func() { isClosed = true }
		fd, err := b.Stream.(poller.Releaser).Release()
		if err != nil {
			t.Fatal("Release: ", err)
		}
		defer unix.Close(int(fd))
		until(t, p, "it is released", func() bool { return isClosed })
		unheard(t, p, a)
	})
}

// TestEndByLevelIsQuiet: an end stays to be read for ever, also where the system would tell
// of it again and again.
func TestEndByLevelIsQuiet(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Stream.(poller.Descriptor).Fd()
		b.Start()
		ended := false
		b.received = func(_ []byte, err error) { ended = ended || err == io.EOF }
		a.Shutdown()
		until(t, p, "the end is received", func() bool { return ended })
		if polls := pause(t, p, 50*time.Millisecond); polls > 20 {
			t.Errorf("%d polls in 50 ms of waiting", polls)
		}
	})
}

// made makes a duplicate of the descriptor, if now is the time.
func (s *stream) made(now bool, duplicate *int) {
	if now {
		*duplicate, _ = unix.Dup(int(s.Stream.(poller.Descriptor).Fd()))
	}
}

// TestAdoptDuplicateOfAClosed takes in what a closed stream has left open. It gets the number
// that has become free, by which the system may know the stream still.
func TestAdoptDuplicateOfAClosed(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		pause(t, p, time.Millisecond)
		duplicate := -1
		b.made(true, &duplicate)
		isClosed := false
		b.closed = func() { isClosed = true }
		b.Close()
		until(t, p, "it is closed", func() bool { return isClosed })
		c := new(stream)
		var err error
		if c.Stream, err = p.(poller.Adopter).AdoptStream(uintptr(duplicate), c); err != nil {
			t.Fatal("AdoptStream: ", err)
		}
		unix.Close(duplicate)
		var got bytes.Buffer
		c.received = func(p []byte, err error) {
			got.Write(p)
			if err != nil {
				t.Error("Received: ", err)
			}
		}
		c.Start()
		a.TrySend([]byte("abc"))
		until(t, p, "the duplicate receives", func() bool { return got.String() == "abc" })
	})
}

// TestUrgentByteReadByAnother: who takes the urgent byte takes the sign that there is one as
// well, and reads still stop at it.
func TestUrgentByteReadByAnother(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		var got bytes.Buffer
		b.received = func(p []byte, err error) { got.Write(p) }
		b.Start()
		pause(t, p, time.Millisecond)
		a.TrySend([]byte("abc"))
		if err := unix.Sendto(int(a.Stream.(poller.Descriptor).Fd()), []byte("!"), unix.MSG_OOB, nil); err != nil {
			t.Fatal("Sendto: ", err)
		}
		a.TrySend([]byte("defg"))
		urgent := make([]byte, 1)
		fd := int(b.Stream.(poller.Descriptor).Fd())
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, _, err := unix.Recvfrom(fd, urgent, unix.MSG_OOB); err == nil {
				break
			} else if time.Now().After(end) {
				t.Fatal("Recvfrom: ", err) // EINVAL until it has arrived
			}
		}
		until(t, p, "all but the urgent byte is received", func() bool { return got.String() == "abcdefg" })
	})
}
