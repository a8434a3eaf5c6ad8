// Package quit has SIGQUIT explain what an example is doing: Ctrl-\ on a terminal.
package quit

import (
	"io"
	"os"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

// Explain has lp write to out, at each SIGQUIT, what keeps it running. While the loop has not answered
// the signal has its default action. So a loop that is stuck in a callback is ended by the second one, which
// prints the stacks of all goroutines. On systems without the signal Explain does nothing.
func Explain(lp *loop.Loop, out io.Writer) error {
	if len(signals) == 0 {
		return nil
	}
	var w *signal.Watcher
	w, err := signal.Once(lp, func(os.Signal) {
		lp.Explain(out)
		w.Start() // which a Shutdown that has closed it refuses
	}, signals...)
	if err == nil {
		w.Unref()
	}
	return err
}
