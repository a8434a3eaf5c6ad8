//go:build unix

package signal_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

const child = "PIKE_SIGNAL_CHILD"

// TestDefaultActionComesBack lets another process be ended by a signal that its
// watcher wants no more.
func TestDefaultActionComesBack(t *testing.T) {
	for _, end := range []string{"Stop", "Close", "Once", "Once, while the loop is busy", "closing the loop"} {
		t.Run(end, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			self, err := os.Executable()
			no(t, err)
			cmd := exec.CommandContext(ctx, self, "-test.run=^TestDefaultActionChild$")
			cmd.Env = append(os.Environ(), child+"="+end)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "delivered") {
				t.Fatalf("%v\n%s", err, out)
			}
			status := exit.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("the process ended with %v, not by SIGTERM\n%s", err, out)
			}
		})
	}
}

func TestDefaultActionChild(t *testing.T) {
	end := os.Getenv(child)
	if end == "" {
		t.Skip("this is the other process of another test")
	}
	lp, err := loop.New(loop.Options{})
	no(t, err)
	watch := signal.Notify
	if strings.HasPrefix(end, "Once") {
		watch = signal.Once
	}
	w, err := watch(lp, func(os.Signal) {
		os.Stdout.WriteString("delivered\n")
		lp.Stop()
	}, syscall.SIGTERM)
	no(t, err)
	if end == "Once, while the loop is busy" {
		lp.Post(func() {
			os.Stdout.WriteString("delivered, to a loop that is busy\n")
			for start := time.Now(); time.Since(start) < patience; time.Sleep(10 * time.Millisecond) {
				raise(t, syscall.SIGTERM) // which the watcher takes once
			}
		})
		run(t, lp)
		t.Fatal("it was never stopped")
	}
	raise(t, syscall.SIGTERM)
	run(t, lp)
	switch end {
	case "Stop":
		no(t, w.Stop())
	case "Close":
		no(t, w.Close())
	case "closing the loop":
		no(t, lp.Close())
	}
	raise(t, syscall.SIGTERM)
	select {} // the signal may be delivered to another thread, a moment later
}
