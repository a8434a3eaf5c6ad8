//go:build unix

package sim_test

import (
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// TestStopSignal pauses by SIGSTOP, also within a pause, and goes on by SIGCONT, which the process hears, or dies by SIGKILL.
func TestStopSignal(t *testing.T) {
	for _, kill := range []bool{false, true} {
		w := sim.New(1, sim.Config{})
		h := w.Host("h")
		var ticks []time.Duration
		var ended error
		w.Daemon(h, func(h *sim.Host) error {
			for {
				ticks = append(ticks, time.Duration(w.Now()))
				if ended = h.Poll(h.Now().Add(time.Second)); ended != nil {
					return ended
				}
			}
		})
		w.At(1500*time.Millisecond, func() { h.Signal(syscall.SIGSTOP) })
		w.At(2*time.Second, func() { h.Pause(time.Second) })
		w.At(3*time.Second, func() { h.Signal(syscall.SIGSTOP) })
		w.At(5*time.Second, func() {
			if kill {
				h.Signal(syscall.SIGKILL)
			} else {
				h.Signal(syscall.SIGCONT)
			}
		})
		w.Go(w.Host("cli"), func(h *sim.Host) error { return h.Poll(poller.Time(10 * time.Second)) })
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		want := 10 // 0, 1, and from 5 on
		if kill {
			want = 2
		}
		if len(ticks) < want-3 || len(ticks) > want || len(ticks) > 2 && ticks[2] < 5*time.Second || kill != (ended == sim.ErrKilled) {
			t.Errorf("killed: %v: it ticks at %v and ends with %v", kill, ticks, ended)
		}
	}
}
