// Signals shows a program that obeys signals. An interrupt or SIGTERM begins an
// orderly end, and a second one cuts it short. On systems that have these signals,
// SIGHUP has it read its configuration again, and SIGUSR1 has it tell how it is.
//
//	go run ./examples/signals
//	kill -HUP PID; kill -USR1 PID; kill -INT PID
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
	grace := flag.Duration("grace", 2*time.Second, "how long the orderly end takes")
	flag.Parse()
	if flag.NArg() > 0 || *grace < 0 {
		fmt.Fprintln(os.Stderr, "signals: no arguments; -grace is not negative")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*grace); err != nil {
		fmt.Fprintln(os.Stderr, "signals:", err)
		os.Exit(1)
	}
}

// A server is what the signals are about.
type server struct {
	lp      *loop.Loop
	began   time.Time
	reloads int
	work    *timer.Timer // stands for what a real one does
	asked   *signal.Watcher
}

func run(grace time.Duration) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	s := &server{lp: lp, began: time.Now()}
	if s.work, err = timer.Every(lp, time.Second, func() {}); err != nil {
		return err
	}
	if s.asked, err = s.watch(); err != nil {
		return err
	}
	// After Once has called back the signal has its default action again, so that a
	// second one ends a program whose orderly end takes too long.
	_, err = signal.Once(lp, func(sig os.Signal) { s.end(sig, grace) }, os.Interrupt, syscall.SIGTERM)
	if err != nil {
		return err
	}
	fmt.Println("running as process", os.Getpid())
	if err := lp.Run(); err != nil { // it returns when nothing is left that could call back
		return err
	}
	fmt.Printf("ended in good order after %d reloads\n", s.reloads)
	return nil
}

// end closes everything but what the orderly end needs.
func (s *server) end(sig os.Signal, grace time.Duration) {
	fmt.Printf("%v: ending, which takes %v; another one ends me at once\n", sig, grace)
	s.work.Close()
	if s.asked != nil {
		s.asked.Close()
	}
	timer.After(s.lp, grace, func() { fmt.Println("all is saved") })
}
