// Embed shows a loop that does not run the program: somebody else's main loop
// does, and gives it a turn when it has something to do. Here the service is an
// echo server with a clock, and somebody else is an event loop that can watch a
// descriptor or, with -frames, a game that comes round sixty times a second
// anyway.
//
//	go run ./examples/embed
//	go run ./examples/embed -frames
package main

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:7008", "echo TCP on `ADDR`")
	tick := flag.Duration("tick", time.Second, "time between ticks of the service")
	byFrames := flag.Bool("frames", false, "a turn every frame, instead of when there is something to do")
	flag.Parse()
	if flag.NArg() > 0 || *tick <= 0 {
		fmt.Fprintln(os.Stderr, "embed: no arguments; -tick is positive")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*addr, *tick, *byFrames); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

func run(addr string, tick time.Duration, byFrames bool) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	if err := service(lp, addr, tick); err != nil {
		return err
	}
	if fd, ok := lp.Fd(); ok && !byFrames {
		err = watched(lp, fd)
	} else { // asked for, or this system's poller has no descriptor
		err = frames(lp)
	}
	if err == nil {
		fmt.Printf("ended after %d turns\n", lp.Metrics().Turns)
	}
	return err
}

// frames is a main loop that has its own rhythm. The loop's share of it is one
// turn that does not wait.
func frames(lp *loop.Loop) error {
	for {
		alive, err := lp.RunNoWait()
		if err != nil || !alive {
			return err
		}
		time.Sleep(time.Second / 60) // where a game would move and draw
	}
}

// watched is a main loop that sleeps until something happens: here another loop
// of pike's, but whatever can wait for a descriptor and for a time will do. The
// descriptor is readable when there are events, and also after a Post, such as
// that of a signal; Timeout says when there are timers.
func watched(lp *loop.Loop, fd uintptr) error {
	outer, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer outer.Close()
	var failed error
	var due *timer.Timer
	turn := func() {
		alive, err := lp.RunNoWait()
		if err != nil || !alive {
			failed = err
			outer.Stop()
			return
		}
		if d := lp.Timeout(); d < 0 {
			due.Stop() // only an event can end the wait
		} else {
			due.Start(d, 0)
		}
	}
	if due, err = timer.New(outer, turn); err != nil {
		return err
	}
	if _, err := outer.Watch(fd, loop.Readable, func(*loop.Watch, loop.Events) { turn() }); err != nil {
		return err
	}
	turn() // what there is to do before anything happens
	if err := outer.Run(); err != nil {
		return err
	}
	return failed
}

// service is what runs on the embedded loop, and knows nothing of that.
func service(lp *loop.Loop, addr string, tick time.Duration) error {
	ln, err := tcp.Listen(lp, addr, nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}
	if _, err := timer.Every(lp, tick, func() { fmt.Println("tick") }); err != nil {
		return err
	}
	_, err = signal.Notify(lp, func(s os.Signal) {
		fmt.Println(s)
		lp.Walk(func(h loop.Handle) { h.Close() }) // then the loop is not alive any more
	}, os.Interrupt, syscall.SIGTERM)
	if err == nil {
		fmt.Println("listening on", ln.LocalAddr())
	}
	return err
}
