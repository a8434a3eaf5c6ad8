package system_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// TestUrgentByteBesideSignals: a read that comes to an urgent byte while a signal is pending
// says EAGAIN, although there is data behind the byte. The Go runtime sends itself signals.
func TestUrgentByteBesideSignals(t *testing.T) {
	const rounds = 3000
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		got := 0
		b.received = func(p []byte, err error) { got += len(p) }
		b.Start()
		fd := int(a.Stream.(poller.Descriptor).Fd())
		defer besiege()()
		for sent := 0; sent < 4*rounds; {
			if err := unix.Sendto(fd, []byte("!"), unix.MSG_OOB, nil); err != nil {
				t.Fatal("Sendto: ", err)
			}
			sent += a.TrySend([]byte("defg"))
			until(t, p, "what is behind an urgent byte is received", func() bool { return got == sent })
		}
	})
}

// besiege sends this thread the signal that the runtime preempts by, until the end.
func besiege() (end func()) {
	runtime.LockOSThread()
	thread := unix.Gettid()
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !stop.Load() {
			unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
		}
	}()
	return func() {
		stop.Store(true)
		<-ended
		runtime.UnlockOSThread()
	}
}
