//go:build unix

package signal_test

import (
	"fmt"
	"log"
	"os"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

// A server ends its loop when it is asked to.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	signal.Notify(lp, func(s os.Signal) {
		fmt.Println("got", s)
		lp.Stop()
	}, os.Interrupt, syscall.SIGUSR1)

	syscall.Kill(os.Getpid(), syscall.SIGUSR1) // kill -USR1, as somebody else would
	lp.Run()
	// Output: got user defined signal 1
}

// The first signal begins an orderly end; Once gives the second one its default
// action, which ends a program that takes too long.
func ExampleOnce() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	signal.Once(lp, func(s os.Signal) {
		fmt.Println("closing")
	}, os.Interrupt, syscall.SIGUSR1)

	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	lp.Run() // until nothing is left to wait for
	// Output: closing
}
