// Embed shows a loop inside another program's main loop. The main loop gives it a
// turn when it has something to do. The service here is an echo server with a clock.
// The main loop is an event loop that can watch a descriptor. With -frames it is a
// game that comes round sixty times a second anyway.
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

// frames is a main loop with its own rhythm. In each round pike's loop has one turn
// that does not wait.
func frames(lp *loop.Loop) error {
	for {
		alive, err := lp.RunNoWait()
		if err != nil || !alive {
			return err
		}
		time.Sleep(time.Second / 60) // where a game would move and draw
	}
}

// watched is a main loop that sleeps until something happens. Here it is another loop
// of pike's, but anything that can wait for a descriptor and for a time will do. The
// descriptor is readable when there are events, and also after a Post, such as that of
// a signal. Timeout says when the next timer is due.
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
	turn() // some things are due before anything happens
	if err := outer.Run(); err != nil {
		return err
	}
	return failed
}

// service runs on the embedded loop, and does not know that it is embedded.
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
