package loop

import "example.com/pike/poller"

// RunOn is a whole program: it makes a [Loop] on a poller, where nil is the
// system's best, has setup put on it what it is to begin with, runs it, and closes
// it. It belongs to the goroutine that calls it, and so does the Loop. The error is
// the first of New, setup, Run and Close; os.ErrInvalid for a nil setup.
//
// A simulated host runs programs that take its poller:
//
//	w.Go(w.Host("srv"), func(h *sim.Host) error { return loop.RunOn(h, serve) })
func RunOn(p poller.Poller, setup func(lp *Loop) error) error {
	if setup == nil {
		return invalid("loop: run on")
	}
	lp, err := New(Options{Poller: p})
	if err != nil {
		return err
	}
	if err = setup(lp); err == nil {
		err = lp.Run()
	}
	if closing := lp.Close(); err == nil {
		err = closing
	}
	return err
}
