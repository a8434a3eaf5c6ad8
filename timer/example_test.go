package timer_test

import (
	"fmt"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	ticks := 0
	var tick *timer.Timer
	tick, err = timer.Every(lp, time.Millisecond, func() {
		ticks++
		fmt.Println("tick", ticks)
		if ticks == 3 {
			tick.Stop()
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	lp.Run()
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

// An idle timeout: whatever happens puts it off.
func ExampleTimer_Reset() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	idle, _ := timer.After(lp, time.Hour, func() { fmt.Println("nothing happens any more") })
	timer.After(lp, time.Millisecond, func() {
		fmt.Println("something happens")
		idle.Reset(2 * time.Millisecond)
	})
	lp.Run()
	// Output:
	// something happens
	// nothing happens any more
}

// A timeout that every packet puts off: from the turn of the loop, which reads no clock.
func ExampleTimer_ResetAt() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	idle, _ := timer.After(lp, time.Hour, func() { fmt.Println("nothing comes any more") })
	packet := func() { idle.ResetAt(lp.Now().Add(2 * time.Millisecond)) }
	timer.After(lp, time.Millisecond, func() {
		fmt.Println("a packet comes, and another")
		packet()
		packet()
	})
	lp.Run()
	// Output:
	// a packet comes, and another
	// nothing comes any more
}

// A timer that is unreferenced does not keep its loop running.
func ExampleTimer_unref() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	report, _ := timer.Every(lp, time.Hour, func() { fmt.Println("all is well") })
	report.Unref()
	timer.After(lp, time.Millisecond, func() { fmt.Println("the work is done") })
	lp.Run()
	// Output: the work is done
}
