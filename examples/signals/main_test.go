//go:build unix

package main

import (
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

func TestSignals(t *testing.T) {
	path := program.Build(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := program.Start(t, path, "-grace", "10ms")
			p.Expect("running as process")
			p.Signal(syscall.SIGHUP)
			p.Expect("reload 1")
			p.Signal(syscall.SIGHUP)
			p.Expect("reload 2")
			p.Signal(syscall.SIGUSR1)
			p.Expect("s, 2 reloads")
			p.Signal(sig)
			p.Ends(0, sig.String()+": ending", "all is saved", "ended in good order after 2 reloads")
		})
	}
	t.Run("a second interrupt", func(t *testing.T) {
		p := program.Start(t, path, "-grace", "1h")
		p.Expect("running as process")
		p.Signal(syscall.SIGINT)
		p.Expect("interrupt: ending")
		p.Signal(syscall.SIGINT)
		p.Ends(-1)
	})
	t.Run("bad flags", func(t *testing.T) {
		program.Start(t, path, "-grace", "-1s").Ends(2, "signals: no arguments;")
		program.Start(t, path, "HUP").Ends(2)
	})
}
