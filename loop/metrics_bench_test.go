package loop

import (
	"testing"
	"time"
)

// BenchmarkShow is what a turn pays for Metrics.
func BenchmarkShow(b *testing.B) {
	lp, err := New(Options{})
	if err != nil {
		b.Skip("no loop on this system: ", err)
	}
	defer lp.Close()
	b.Run("with nothing new", func(b *testing.B) {
		for b.Loop() {
			lp.show()
		}
	})
	b.Run("with a timer that was late", func(b *testing.B) {
		for b.Loop() {
			lp.tally.Lag.add(1000)
			lp.show()
		}
	})
}

// BenchmarkWatched is what a callback pays for Options.Slow.
func BenchmarkWatched(b *testing.B) {
	for name, o := range map[string]Options{"no": {}, "yes": {Slow: time.Second}} {
		b.Run(name, func(b *testing.B) {
			lp, err := New(o)
			if err != nil {
				b.Skip("no loop on this system: ", err)
			}
			defer lp.Close()
			fn := func() {}
			for b.Loop() {
				lp.Maker().Call(nil, fn)
			}
		})
	}
}

// BenchmarkMetrics is what who asks pays.
func BenchmarkMetrics(b *testing.B) {
	lp, err := New(Options{})
	if err != nil {
		b.Skip("no loop on this system: ", err)
	}
	defer lp.Close()
	for b.Loop() {
		lp.Metrics()
	}
}
