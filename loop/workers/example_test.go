package workers_test

import (
	"context"
	"fmt"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
)

func Example() {
	pool, err := workers.New(workers.Options{Size: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	lp, err := loop.New(loop.Options{Executor: pool})
	if err != nil {
		fmt.Println(err)
		return
	}

	total := 0
	for n := range 5 {
		loop.Work(context.Background(), lp, func(context.Context) (int, error) {
			return n * n, nil // on one of two goroutines
		}, func(square int, err error) {
			total += square // on the loop: no mutex
		})
	}
	lp.Run()
	lp.Close()
	pool.Close() // after the loops that use it
	fmt.Println(total)
	// Output: 30
}
