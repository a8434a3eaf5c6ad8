package main

import (
	"errors"
	"slices"
	"time"

	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/timer"
)

const (
	messages = 2_000_000
	trips    = 30_000
)

// post has another goroutine post functions, which all run.
func post(lp *loop.Loop, _ []string) error {
	keep, err := timer.After(lp, time.Minute, func() { work.Fail(errors.New("a message was lost")) })
	if err != nil {
		return err
	}
	n := 0
	cpu, begin := work.CPU(), time.Now()
	fn := func() {
		if n++; n < messages {
			return
		}
		work.Report(map[string]float64{
			"rate": messages / time.Since(begin).Seconds(),
			"CPU":  float64(work.CPU()-cpu) / messages,
		})
		keep.Stop()
	}
	go func() {
		for range messages {
			if err := lp.Post(fn); err != nil {
				work.Fail(err)
			}
		}
	}()
	return nil
}

// trip has two loops post to each other in turn.
func trip(here *loop.Loop, _ []string) error {
	there, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	var keep [2]*timer.Timer
	for i, lp := range []*loop.Loop{here, there} {
		if keep[i], err = timer.After(lp, time.Minute, func() { work.Fail(errors.New("a message was lost")) }); err != nil {
			return err
		}
	}
	var began time.Time
	took := make([]time.Duration, 0, trips)
	var answer, back func()
	answer = func() { here.Post(back) }
	back = func() {
		took = append(took, time.Since(began))
		if len(took) < trips {
			began = time.Now()
			there.Post(answer)
			return
		}
		slices.Sort(took)
		work.Report(map[string]float64{
			"p50": float64(took[trips/2]) / 1e3,
			"p99": float64(took[trips/100*99]) / 1e3,
		})
		there.Stop()
		here.Stop()
	}
	go there.Run()
	began = time.Now()
	return there.Post(answer)
}
