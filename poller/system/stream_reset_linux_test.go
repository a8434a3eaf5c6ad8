package system_test

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
)

// TestResetIsNeverAnEnd has the reset arrive in every order with what else goes on;
// the suite allows for systems that forget it, Linux does not.
func TestResetIsNeverAnEnd(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for name, before := range map[string]func(a *stream){
			"stopped":           func(*stream) {},
			"after a TrySend":   func(a *stream) { a.TrySend([]byte("x")); a.TrySend([]byte("x")) },
			"after a Send":      func(a *stream) { a.Send([][]byte{[]byte("x")}) },
			"after many Writes": func(a *stream) { a.TrySend([]byte("x")); a.Send([][]byte{make([]byte, 1<<20)}) },
		} {
			a, b := pair(t, p, local)
			var got bytes.Buffer
			var end error
			a.received = func(p []byte, err error) { got.Write(p); end = err }
			b.Send([][]byte{[]byte("last words")})
			pause(t, p, time.Millisecond)
			b.Reset()
			pause(t, p, time.Millisecond)
			before(a)
			pause(t, p, time.Millisecond)
			a.Start()
			until(t, p, name+": receiving ends", func() bool { return end != nil })
			if got.String() != "last words" || !errors.Is(end, syscall.ECONNRESET) {
				t.Errorf("%s: received %q, then %v", name, got.String(), end)
			}
			a.Close()
		}
	})
}

// TestCloseWithUnreadDataIsNoReset closes an end that has not read all: the system
// would answer with a reset, and what was sent before might be lost with it
// (RFC 1122, 4.2.2.13).
func TestCloseWithUnreadDataIsNoReset(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		a.TrySend(make([]byte, 100_000))
		pause(t, p, time.Millisecond)
		b.TrySend([]byte("last words"))
		b.Close()
		pause(t, p, time.Millisecond)
		var got bytes.Buffer
		var end error
		a.received = func(p []byte, err error) { got.Write(p); end = err }
		a.Start()
		until(t, p, "receiving ends", func() bool { return end != nil })
		if got.String() != "last words" || end != io.EOF {
			t.Errorf("received %q, then %v", got.String(), end)
		}
	})
}
