package timer_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
)

// BenchmarkWorld is a timer that fires and is set anew, and another that is set anew before it fires, among a thousand of
// both, on a simulated clock: it does the same work each time.
func BenchmarkWorld(b *testing.B) {
	const pairs = 1000
	b.ReportAllocs()
	_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
		w.Go(w.Host("a"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				d, fired := draw(1), 0
				span := func() time.Duration { return d.span() / 100 }
				for range pairs {
					late, err := timer.After(lp, 2*span(), func() {})
					if err != nil {
						return err
					}
					var t *timer.Timer
					t, err = timer.After(lp, span(), func() {
						if fired++; fired == b.N {
							lp.Stop()
						}
						late.Reset(2 * span())
						t.Reset(span())
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
		return w.Run()
	})
	if err != nil {
		b.Fatal(err)
	}
}
