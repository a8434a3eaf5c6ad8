//go:build unix && !race && !pikedebug

package pipe_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// A method that is called while the loop waits, and so by another goroutine, says so by its name, and does
// nothing.
func TestOffTheLoop(t *testing.T) {
	r := newRig(t)
	c := r.start(exec.Command("cat"))
	ended := make(chan error)
	go func() { ended <- r.lp.Run() }()
	r.eventually("the loop waits", func() bool { return r.lp.Maker().Check("") != nil })
	for name, call := range map[string]func() error{
		"pipe.Start":            func() error { _, err := pipe.Start(r.lp, exec.Command("cat"), nil); return err },
		"pipe.Open":             func() error { _, err := pipe.Open(r.lp, os.Stdin, nil); return err },
		"pipe.OpenBoth":         func() error { _, err := pipe.OpenBoth(r.lp, os.Stdin, os.Stdout, nil); return err },
		"pipe.Process.Signal":   func() error { return c.Signal(syscall.SIGTERM) },
		"pipe.Process.Kill":     c.Kill,
		"pipe.Process.Close":    c.Close,
		"pipe.Process.CloseNow": c.CloseNow,
	} {
		if err := call(); !errors.Is(err, loop.ErrOffLoop) || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.lp.Stop()
	r.no(<-ended)
	r.equal("it has exited", c.exited, false)
	r.no(c.in.Close())
	r.untilExit(c)
	r.no(c.reason)
}
