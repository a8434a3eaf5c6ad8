package main

import (
	"errors"
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

// timers measures with a million timers armed what it costs to start, restart, stop and fire one, in ns of CPU.
func timers(lp *loop.Loop, _ []string) error {
	fired := 0
	all := make([]*timer.Timer, count)
	for i := range all {
		t, err := timer.New(lp, func() { fired++ })
		if err != nil {
			return err
		}
		all[i] = t
	}
	random := work.NewRandom()
	later := func() time.Duration { return time.Duration(10_000+random.Next()%60_000) * time.Millisecond }
	sample := map[string]float64{}
	measure := func(name string, f func()) {
		at := work.CPU()
		f()
		sample[name] = float64(work.CPU()-at) / count
	}
	measure("start", func() {
		for _, t := range all {
			t.Start(later(), 0)
		}
	})
	measure("restart", func() {
		for range count {
			all[random.Next()%count].Start(later(), 0)
		}
	})
	measure("stop", func() {
		for i := range all {
			all[i*7368787%count].Stop()
		}
	})
	for _, t := range all {
		t.Start(fireAfter+time.Duration(random.Next()%fireWithin)*time.Millisecond, 0)
	}
	time.Sleep(fireAfter + fireWithin*time.Millisecond) // all are due, in any order
	var err error
	measure("fire", func() { err = lp.Run() })
	if err == nil && fired != count {
		err = errors.New("a timer did not fire")
	}
	if err == nil {
		work.Report(sample)
	}
	return err
}
