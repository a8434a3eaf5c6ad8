package loop_test

import (
	"context"
	"fmt"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

// A loop runs until nothing is left that could call back.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	lp.Post(func() {
		fmt.Println("a posted function")
		timer.After(lp, 2*time.Millisecond, func() { fmt.Println("a timer") })
	})
	if err := lp.Run(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("nothing is left")
	// Output:
	// a posted function
	// a timer
	// nothing is left
}

// Other goroutines reach a loop by Post.
func ExampleLoop_Post() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	listening, _ := lp.NewAsync(func() {}) // keeps the loop running
	sum := 0                               // the loop's own: no mutex
	go func() {
		for i := range 4 {
			lp.Post(func() { sum += i })
		}
		lp.Post(func() { listening.Close() })
	}()
	lp.Run()
	fmt.Println(sum)
	// Output: 6
}

func ExampleLoop_RunContext() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	ctx, cancel := context.WithCancel(context.Background())
	ticks := 0
	timer.Every(lp, time.Millisecond, func() {
		if ticks++; ticks == 3 {
			cancel()
		}
	})
	fmt.Println(lp.RunContext(ctx), "after", ticks, "ticks")
	// Output: context canceled after 3 ticks
}

// A Loop is driven turn by turn inside somebody else's main loop.
func ExampleLoop_RunNoWait() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	timer.After(lp, time.Millisecond, func() { fmt.Println("fired") })
	for frame := 0; ; frame++ {
		alive, err := lp.RunNoWait()
		if err != nil || !alive {
			break
		}
		time.Sleep(lp.Timeout()) // the other work of the frame
	}
	// Output: fired
}

// What blocks runs off the loop, and its result comes back onto it.
func ExampleWork() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()

	loop.Work(context.Background(), lp, func(ctx context.Context) (string, error) {
		time.Sleep(time.Millisecond) // a file, a database, much to compute
		return "the answer", nil
	}, func(answer string, err error) {
		fmt.Println(answer, err)
	})
	lp.Run()
	// Output: the answer <nil>
}

// A first signal would do this: listeners close, connections may finish, and Run
// returns when they have, or when the time is over.
func ExampleLoop_Shutdown() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()
	lp.Post(func() {
		lp.Shutdown(context.Background(), 10*time.Second, func(r loop.ShutdownReport) {
			fmt.Println(r.Finished, "finished,", r.Cut, "cut off,", r.Err)
		})
	})
	lp.Run()
	// Output: 0 finished, 0 cut off, <nil>
}
