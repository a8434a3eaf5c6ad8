// Goruntime does with timers and channels of the Go runtime what the other peers do with a loop.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"example.com/pike/bench/peers/work"
)

func main() {
	kinds := map[string]func(){"timers": timers, "post": post, "trip": trip}
	if len(os.Args) != 2 || kinds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: goruntime timers|post|trip")
		os.Exit(2)
	}
	kinds[os.Args[1]]()
}

const (
	count      = 1_000_000
	fireAfter  = 1500 * time.Millisecond
	fireWithin = 200
)

// timers measures AfterFunc, because a timer with a channel has no callback.
func timers() {
	var fired atomic.Int64
	fire := func() { fired.Add(1) }
	all := make([]*time.Timer, count)
	for i := range all {
		all[i] = time.AfterFunc(time.Hour, fire)
		all[i].Stop()
	}
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
			t.Reset(later())
		}
	})
	measure("restart", func() {
		for _, t := range shuffled {
			t.Reset(later())
		}
	})
	measure("stop", func() {
		for _, t := range shuffled {
			t.Stop()
		}
	})
	fired.Store(0)
	for _, t := range all {
		t.Reset(fireAfter + time.Duration(random.Next()%fireWithin)*time.Millisecond)
	}
	measure("fire", func() { // the runtime fires them on its own
		for fired.Load() < count {
			time.Sleep(10 * time.Millisecond)
		}
	})
	work.Report(sample)
}

const (
	messages = 2_000_000
	trips    = 30_000
)

// post has one goroutine send functions to another that calls them.
func post() {
	calls := make(chan func(), 1024)
	n := 0
	fn := func() { n++ }
	cpu, begin := work.CPU(), time.Now()
	go func() {
		for range messages {
			calls <- fn
		}
		close(calls)
	}()
	for fn := range calls {
		fn()
	}
	if n != messages {
		work.Fail(errors.New("a message was lost"))
	}
	work.Report(map[string]float64{
		"rate": messages / time.Since(begin).Seconds(),
		"CPU":  float64(work.CPU()-cpu) / messages,
	})
}

// trip has two goroutines answer each other.
func trip() {
	there, back := make(chan struct{}), make(chan struct{})
	go func() {
		for range there {
			back <- struct{}{}
		}
	}()
	took := make([]time.Duration, trips)
	for i := range took {
		at := time.Now()
		there <- struct{}{}
		<-back
		took[i] = time.Since(at)
	}
	slices.Sort(took)
	work.Report(map[string]float64{
		"p50": float64(took[trips/2]) / 1e3,
		"p99": float64(took[trips/100*99]) / 1e3,
	})
}
