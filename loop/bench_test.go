package loop_test

import (
	"testing"

	"example.com/pike/loop"
)

func benchLoop(b *testing.B) *loop.Loop {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		b.Skip("no loop on this system: ", err)
	}
	b.Cleanup(func() { lp.Close() })
	return lp
}

func oneTurn(b *testing.B, lp *loop.Loop) {
	if _, err := lp.RunNoWait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTurn is a turn with nothing to do.
func BenchmarkTurn(b *testing.B) {
	lp := benchLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		oneTurn(b, lp)
	}
}

// BenchmarkPost is functions posted 1,000 at a time, and run.
func BenchmarkPost(b *testing.B) {
	lp := benchLoop(b)
	fn := func() {}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		lp.Post(fn)
		if n%1000 == 0 {
			oneTurn(b, lp)
		}
	}
}

// BenchmarkPostTrip is a function posted to a loop that sleeps, which answers.
func BenchmarkPostTrip(b *testing.B) {
	lp := benchLoop(b)
	keep, err := lp.NewAsync(func() {})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- lp.Run() }()
	back := make(chan struct{}, 1)
	answer := func() { back <- struct{}{} }
	b.ReportAllocs()
	for b.Loop() {
		lp.Post(answer)
		<-back
	}
	lp.Post(func() { keep.Close() })
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
