// Timers shows the kinds of timers: one that repeats, one that each tick of the first puts
// off, one that fires once, and one that does not keep the loop running. The loop ends by
// itself when no other timer is left.
//
//	go run ./examples/timers
//	go run ./examples/timers -every 100ms -ticks 0    # until an interrupt
package main

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/timer"
)

func main() {
	every := flag.Duration("every", 500*time.Millisecond, "time between ticks")
	ticks := flag.Int("ticks", 5, "stop after `N` ticks; 0 is never")
	quiet := flag.Duration("quiet", time.Second, "say when there was no tick for so long")
	flag.Parse()
	if flag.NArg() > 0 || *every <= 0 || *quiet <= 0 || *ticks < 0 {
		fmt.Fprintln(os.Stderr, "timers: no arguments; -every and -quiet are positive, -ticks is not negative")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*every, *quiet, *ticks); err != nil {
		fmt.Fprintln(os.Stderr, "timers:", err)
		os.Exit(1)
	}
}

func run(every, quiet time.Duration, ticks int) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	began := lp.Now()
	say := func(what string) { fmt.Printf("%6d ms  %s\n", lp.Now().Sub(began).Milliseconds(), what) }

	// Fires once, unless something has put it off meanwhile: the way to notice
	// that a peer has been silent. Moving a timer costs next to nothing.
	watchdog, err := timer.After(lp, quiet, func() { say(fmt.Sprintf("no tick for %v", quiet)) })
	if err != nil {
		return err
	}

	n := 0
	var tick *timer.Timer
	tick, err = timer.Every(lp, every, func() {
		n++
		say(fmt.Sprintf("tick %d", n))
		watchdog.Reset(quiet)
		if n == ticks {
			tick.Stop() // Start or Reset would arm it again
		}
	})
	if err != nil {
		return err
	}

	// A timer that is due at once fires in the next turn of the loop, never inside the call.
	if _, err := timer.After(lp, 0, func() { say("the first turn") }); err != nil {
		return err
	}

	// Without Unref this one would keep the loop running for a day.
	tomorrow, err := timer.After(lp, 24*time.Hour, func() { say("tomorrow") })
	if err != nil {
		return err
	}
	tomorrow.Unref()

	w, err := signal.Notify(lp, func(s os.Signal) {
		say(fmt.Sprintf("%v after %d ticks", s, n))
		lp.Stop()
	}, os.Interrupt, syscall.SIGTERM)
	if err != nil {
		return err
	}
	w.Unref() // waiting for a signal is no reason to go on either

	err = lp.Run()
	if err == nil && !lp.Alive() {
		say("nothing is left that could call back, so the loop ends")
	}
	return err
}
