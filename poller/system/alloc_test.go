//go:build (linux && !kqfake) || dragonfly || freebsd || netbsd || windows

package system_test

// On macOS and OpenBSD x/sys allocates the sender of a datagram, and the model of
// kqueue allocates as it likes.

import (
	"testing"

	"example.com/pike/poller"
)

// TestEchoAllocatesNothing holds it for a round trip, once what is kept for reuse
// is there.
func TestEchoAllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		message := [][]byte{make([]byte, 64)}
		echo := make([][]byte, 1)
		got := 0
		b.received = func(p []byte, _ error) {
			echo[0] = p
			if !b.Send(echo) {
				t.Error("64 bytes are too much for the system")
			}
		}
		a.received = func(p []byte, _ error) { got += len(p) }
		a.Start()
		b.Start()
		noAllocs(t, "a TCP echo", func() {
			got = 0
			a.Send(message)
			for got < 64 {
				p.Poll(poller.Never)
			}
		})
		big := [][]byte{make([]byte, 8<<20), make([]byte, 1<<20)}
		sent := 0
		a.sent = func(error) { sent++ }
		b.received = func(p []byte, _ error) { got += len(p) }
		noAllocs(t, "a Send that is not done at once", func() {
			got, sent = 0, 0
			if a.Send(big) {
				sent++
			}
			for got < 9<<20 || sent == 0 {
				p.Poll(poller.Never)
			}
		})
		noAllocs(t, "Stop and Start", func() { a.Stop(); a.Start() })
		noAllocs(t, "Wake", func() { p.Wake(); p.Poll(poller.Never) })
		noAllocs(t, "a deadline", func() { p.Poll(p.Now() + 1000) })
	})
}

func TestPacketEchoAllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := bind(t, p, local, nil), bind(t, p, local, nil)
		got := 0
		echo := make([]poller.Message, 64)
		b.received = func(ms []poller.Message, _ error) {
			if !b.Send(echo[:copy(echo, ms)]) {
				t.Error("a datagram is too much for the system")
			}
		}
		a.received = func(ms []poller.Message, _ error) { got += len(ms) }
		ms := make([]poller.Message, 50)
		for i := range ms {
			ms[i] = poller.Message{Data: make([]byte, 64), Peer: b.Addr().AddrPort}
		}
		for _, n := range []int{1, len(ms)} {
			noAllocs(t, "a UDP echo", func() {
				got = 0
				a.Send(ms[:n])
				for got < n {
					p.Poll(poller.Never)
				}
			})
		}
	})
}

func noAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}
