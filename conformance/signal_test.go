package conformance

import (
	"os"
	"syscall"

	"example.com/pike/signal"
)

// Raising a signal is not pike's: that is os.Process.Signal, and kill(2) is who
// refuses a number that does not exist. Here it is who asks to be told that is
// refused.
var _ = add(line{id: "G7", name: "invalid signals", run: func(e *env) {
	lp := e.loop()
	never := func(s os.Signal) { e.Error("a signal came: ", s) }
	for _, s := range []os.Signal{syscall.Signal(-1), syscall.Signal(0), syscall.Signal(4096), nil} {
		_, err := signal.Notify(lp, never, s)
		e.is(err, os.ErrInvalid)
		_, err = signal.Once(lp, never, os.Interrupt, s)
		e.is(err, os.ErrInvalid)
	}
	_, err := signal.Notify(lp, nil, os.Interrupt)
	e.is(err, os.ErrInvalid)
	e.equal("alive", lp.Alive(), false)
	e.run(lp)
}})
