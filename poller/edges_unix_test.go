//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller_test

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
