//go:build unix

package main

import (
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

func TestTimers(t *testing.T) {
	path := program.Build(t)
	t.Run("to the end", func(t *testing.T) {
		p := program.Start(t, path, "-every", "20ms", "-ticks", "3", "-quiet", "100ms")
		p.Ends(0, "the first turn", "tick 1", "tick 3", "no tick for 100ms", "nothing is left")
	})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := program.Start(t, path, "-every", "20ms", "-ticks", "1", "-quiet", "1h")
			p.Expect("tick 1")
			p.Signal(sig)
			p.Ends(0, sig.String()+" after 1 ticks")
		})
	}
	t.Run("bad flags", func(t *testing.T) {
		program.Start(t, path, "-every", "0s").Ends(2, "timers: no arguments;", "Usage of")
		program.Start(t, path, "-ticks", "-1").Ends(2)
		program.Start(t, path, "now").Ends(2)
	})
}
