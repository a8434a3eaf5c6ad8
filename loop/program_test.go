package loop_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
)

func TestRunOn(t *testing.T) {
	var lp *loop.Loop
	fired := false
	no(t, loop.RunOn(nil, func(l *loop.Loop) error {
		lp = l
		_, err := timer.After(l, time.Millisecond, func() { fired = true })
		return err
	}))
	if !fired {
		t.Error("it returned before the timer fired")
	}
	if err := lp.Run(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the loop is left open: Run: %v", err)
	}

	broken := errors.New("broken")
	h := sim.New(1, sim.Config{}).Host("host")
	if err := loop.RunOn(h, func(l *loop.Loop) error { lp = l; return broken }); err != broken {
		t.Errorf("an error of setup: %v", err)
	}
	if err := lp.Run(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the loop is left open: Run: %v", err)
	}
	if err := loop.RunOn(h, func(*loop.Loop) error { return nil }); err == nil {
		t.Error("a poller that is closed can be run on")
	}
}
