package timer_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

// armed is how many timers a benchmark works among: far more than fit into any cache.
const armed = 1 << 20

// draw costs less than what is measured.
type draw uint64

func (d *draw) below(n uint64) uint64 {
	*d = *d*6364136223846793005 + 1442695040888963407
	return uint64(*d>>32) * n >> 32
}

func (d *draw) span() time.Duration { return time.Duration(10_000+d.below(60_000)) * time.Millisecond }

func benchTimers(b *testing.B) (*loop.Loop, []*timer.Timer) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		b.Skip("no loop on this system: ", err)
	}
	b.Cleanup(func() { lp.Close() })
	all, d := make([]*timer.Timer, armed), draw(1)
	for i := range all {
		if all[i], err = timer.After(lp, d.span(), func() {}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range all { // so that each is somewhere else in memory than the last
		k := d.below(armed)
		all[i], all[k] = all[k], all[i]
	}
	return lp, all
}

func BenchmarkRestart(b *testing.B) {
	_, all := benchTimers(b)
	d, i := draw(1), 0
	b.ReportAllocs()
	for b.Loop() {
		all[i%armed].Reset(d.span())
		i++
	}
}

func BenchmarkRestartAt(b *testing.B) {
	lp, all := benchTimers(b)
	d, i := draw(1), 0
	b.ReportAllocs()
	for b.Loop() {
		all[i%armed].ResetAt(lp.Now().Add(d.span()))
		i++
	}
}

func BenchmarkStopStart(b *testing.B) {
	_, all := benchTimers(b)
	d, i := draw(1), 0
	b.ReportAllocs()
	for b.Loop() {
		t := all[i%armed]
		t.Stop()
		t.Reset(d.span())
		i++
	}
}

// BenchmarkFire is a firing, and the turn of a loop that has a million more to come.
func BenchmarkFire(b *testing.B) {
	lp, all := benchTimers(b)
	b.ReportAllocs()
	for b.Loop() {
		all[0].Reset(0)
		if _, err := lp.RunNoWait(); err != nil {
			b.Fatal(err)
		}
	}
}
