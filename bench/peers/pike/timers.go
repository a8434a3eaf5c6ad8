package main

import (
	"errors"
	"os"
	"runtime"
	"time"

	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/timer"
)

const (
	count      = 1_000_000
	fireAfter  = 1500 * time.Millisecond
	fireWithin = 200
)

// timers measures what it costs to start, restart, stop and fire a timer while a million are armed, in ns of CPU. The
// timers count from the call, as Go's do.
func timers(lp *loop.Loop, _ []string) error {
	return timersStarted(lp, func(t *timer.Timer, d time.Duration) { t.Start(d, 0) })
}

// timersAt are the same timers, counting from the turn of the loop, as libuv's do.
func timersAt(lp *loop.Loop, _ []string) error {
	return timersStarted(lp, func(t *timer.Timer, d time.Duration) { t.ResetAt(lp.Now().Add(d)) })
}

func timersStarted(lp *loop.Loop, start func(*timer.Timer, time.Duration)) error {
	fired := 0
	fire := func() { fired++ } // one for all, as libuv's is
	all := make([]*timer.Timer, count)
	for i := range all {
		t, err := timer.New(lp, fire)
		if err != nil {
			return err
		}
		all[i] = t
	}
	return measureTimers(lp, all, &fired, start, func(t *timer.Timer) { t.Stop() })
}

// timeout is the bare timer that timers, and a program's own objects, are built on. Like libuv's it counts from the
// time that the turn of the loop began, where timer.Timer reads the clock.
type timeout struct {
	loop.Timeout
	to *firings
}

type firings struct {
	lp *loop.Loop
	n  int
}

func (t *timeout) Expired(*loop.Timeout) {
	if t.to.n++; t.to.n == count {
		t.to.lp.Stop()
	}
}

func timeouts(lp *loop.Loop, _ []string) error {
	to := &firings{lp: lp}
	all := make([]*timeout, count)
	for i := range all {
		all[i] = &timeout{to: to}
		all[i].Init(all[i])
	}
	if _, err := timer.After(lp, time.Hour, func() {}); err != nil { // a Timeout keeps no loop running
		return err
	}
	return measureTimers(lp, all, &to.n,
		func(t *timeout, d time.Duration) { lp.Maker().SetTimeout(&t.Timeout, lp.Now().Add(d)) },
		func(t *timeout) { lp.Maker().StopTimeout(&t.Timeout) })
}

func measureTimers[T any](lp *loop.Loop, all []T, fired *int, start func(T, time.Duration), stop func(T)) (err error) {
	random := work.NewRandom()
	shuffled := work.Shuffle(all, &random)
	later := func() time.Duration { return time.Duration(10_000+random.Next()%60_000) * time.Millisecond }
	runtime.GC() // the garbage of making a million must not count for restarting them
	sample := map[string]float64{}
	measure := func(name string, f func()) {
		at := work.CPU()
		f()
		sample[name] = float64(work.CPU()-at) / count
	}
	measure("start", func() {
		for _, t := range all {
			start(t, later())
		}
	})
	measure("restart", func() {
		for _, t := range shuffled {
			start(t, later())
		}
	})
	measure("stop", func() {
		for _, t := range shuffled {
			stop(t)
		}
	})
	if _, err := lp.RunNoWait(); err != nil { // the loop's clock is of its last turn
		return err
	}
	for _, t := range all {
		start(t, fireAfter+time.Duration(random.Next()%fireWithin)*time.Millisecond)
	}
	time.Sleep(fireAfter + fireWithin*time.Millisecond) // all are due, in any order
	measure("fire", func() { err = lp.Run() })
	if err == nil && *fired != count {
		err = errors.New("a timer did not fire")
	}
	if err == nil {
		work.Report(sample)
		os.Exit(0)
	}
	return err
}
