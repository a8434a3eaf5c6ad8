//go:build !race && !pikedebug

package loop_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
)

// A turn that shows its Metrics allocates nothing, nor does one under a watchdog.
func TestMetricsAllocateNothing(t *testing.T) {
	for name, o := range map[string]loop.Options{
		"plain": {}, "MeasureIdle": {MeasureIdle: true}, "Slow": {Slow: time.Hour, OnSlow: func(string, time.Duration, []byte) {}},
	} {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t, o)
			fn := func() {}
			turn := func() {
				lp.Post(fn)
				_, err := lp.RunNoWait()
				no(t, err)
			}
			turn()
			if n := testing.AllocsPerRun(200, turn); n > 0.5 { // the watchdog's clock may be set once
				t.Errorf("%v allocations a turn", n)
			}
		})
	}
}
