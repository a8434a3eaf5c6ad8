package sim_test

import (
	"context"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
)

// A job that waits for ever in the first Run of a world has no part in the second, in which
// jobs that wait do as they do in any.
func TestSecondRunWithAJobThatWaits(t *testing.T) {
	w := sim.New(1, sim.Config{})
	never := make(chan struct{})
	waiting := func(wait chan struct{}, run time.Duration, after func()) func(h *sim.Host) error {
		return func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			defer lp.Close()
			loop.Work(context.Background(), lp, func(context.Context) (int, error) {
				<-wait
				if after != nil {
					after()
				}
				return 0, nil
			}, func(int, error) {})
			timer.After(lp, run, func() {
				if after != nil {
					close(wait)
				} else {
					lp.Stop()
				}
			})
			return lp.Run()
		}
	}
	w.Go(w.Host("a"), waiting(never, 10*time.Millisecond, nil))
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	h := w.Host("b")
	var err error
	w.Go(h, waiting(make(chan struct{}), 10*time.Millisecond, func() {
		_, err = h.LookupNetIP(context.Background(), "ip", "a")
		w.Errorf("a failure")
	}))
	e := w.Run()
	if err != nil {
		t.Error("lookup:", err)
	}
	if e == nil {
		t.Error("Errorf was silent")
	}
}
