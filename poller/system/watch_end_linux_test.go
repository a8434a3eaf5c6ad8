//go:build linux

package system_test

import (
	"testing"
	"time"

	"example.com/pike/poller"
)

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
