package signal

import (
	"os"

	"example.com/pike/loop"
)

// NotifyGroup is Notify for a group of loops: each signal is told once, on loop 0, and not on every loop. Like
// all handles the Watcher keeps the group running until it is stopped or closed; Group.Shutdown closes it.
//
//	signal.NotifyGroup(g, func(os.Signal) { g.Shutdown(ctx, 10*time.Second, nil) }, os.Interrupt, syscall.SIGTERM)
//
// It belongs to who sets up the group, before or in Run, and afterwards to the goroutine of loop 0. A nil fn or
// group, or a signal that does not exist, is os.ErrInvalid.
func NotifyGroup(g *loop.Group, fn func(os.Signal), sigs ...os.Signal) (*Watcher, error) {
	if g == nil {
		return nil, fail("notify", os.ErrInvalid)
	}
	lp := g.At(0)
	if err := lp.Maker().Check("signal.NotifyGroup"); err != nil {
		return nil, err
	}
	return notify(lp, fn, false, sigs)
}
