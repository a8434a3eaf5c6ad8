package loop_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/pike/loop"
)

// Four loops count words, at the same time. A word is counted by the loop that owns it, and so the counts need no lock.
func ExampleNewGroup() {
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	counts := make([]map[string]int, g.Len()) // each is of one loop
	text := "the cat and the dog and the bird"
	err = g.Run(context.Background(), func(i int, lp *loop.Loop) error {
		counts[i] = map[string]int{}
		if i != 0 {
			return nil
		}
		return lp.Post(func() { // on loop 0, when all run
			for word := range strings.FieldsSeq(text) {
				owner := g.Loop(word)
				_, n := owner.Group()
				owner.Post(func() { counts[n][word]++ })
			}
		})
	})
	if err != nil {
		fmt.Println(err)
	}
	all := map[string]int{} // all loops have ended, and so everything is ours
	for _, of := range counts {
		for word, n := range of {
			all[word] += n
		}
	}
	fmt.Println(all)
	// Output: map[and:2 bird:1 cat:1 dog:1 the:3]
}

// Each loop of a group is told of the end, and Run returns when all have ended.
func ExampleGroup_Shutdown() {
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = g.Run(context.Background(), func(i int, lp *loop.Loop) error {
		if _, err := lp.NewAsync(func() {}); err != nil { // keeps the loop running
			return err
		}
		if i == 2 { // a signal would do this in a server, by signal.NotifyGroup
			return g.Shutdown(context.Background(), 10*time.Second, func(r loop.GroupReport) {
				fmt.Println(r.Closed, "closed on", len(r.Loops), "loops,", r.Err)
			})
		}
		return nil
	})
	fmt.Println("Run:", err)
	// Output:
	// 3 closed on 3 loops, <nil>
	// Run: <nil>
}
