//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"runtime"
	"testing"
	"time"

	"example.com/pike/poller"
)

// TestInterruptedWait interrupts a wait with signals: it goes on until its
// deadline.
func TestInterruptedWait(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		stop := make(chan struct{})
		done := make(chan struct{})
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		interrupt := interrupter() // of this thread
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					interrupt()
					time.Sleep(100 * time.Microsecond)
				}
			}
		}()
		if n := pause(t, p, 30*time.Millisecond); n > 1 {
			t.Errorf("signals ended %d Polls early", n-1)
		}
		close(stop)
		<-done
	})
}

// TestMeasureWaits holds that upcalls do not count as waiting.
func TestMeasureWaits(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		var waited time.Duration
		p.(poller.Waiter).MeasureWaits(&waited)
		const busy = 20 * time.Millisecond
		b.received = func([]byte, error) { time.Sleep(busy) }
		start := p.Now()
		a.TrySend([]byte("x"))
		pause(t, p, busy)
		pause(t, p, time.Millisecond)
		if total := p.Now().Sub(start); waited <= 0 || waited > total-busy {
			t.Errorf("waited %v of %v, of which at least %v were an upcall", waited, total, busy)
		}
	})
}
