// Restart is an HTTP/1.1 server that is replaced by a new version of itself without a lost connection. Its answers
// name the process that has made them.
//
//	go build -o restart ./examples/restart
//	./restart -listen 127.0.0.1:8080
//	curl http://127.0.0.1:8080/            # pid 4711
//	curl http://127.0.0.1:8080/?wait=5s    # the answer takes five seconds
//	kill -HUP 4711                         # after a new version was put in the place of the file
//
// At SIGHUP it starts the file anew and gives it the listener. When the new process has said that it is ready, this
// one stops to accept, and ends when the last of its connections has. A new process that ends, or does not say in
// time that it is ready, changes nothing.
//
// Every connection is told that it ends: the answer to its next request says Connection: close. One that asks for
// nothing ends after -idle, as it does without a restart. So no request is sent on a connection that a restart has
// closed.
//
// It takes the listener of a systemd socket unit too, and tells systemd what it does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/examples/internal/quit"
	"example.com/pike/handover"
	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

type options struct {
	listen              string
	idle, within, grace time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "serve HTTP on `ADDR`, unless a listener was given")
	flag.DurationVar(&o.idle, "idle", 30*time.Second, "end connections that ask for nothing for `D`")
	flag.DurationVar(&o.within, "within", 30*time.Second, "give up a new process that is not ready after `D`")
	flag.DurationVar(&o.grace, "grace", time.Minute, "cut off what is left `D` after a signal")
	flag.Parse()
	if flag.NArg() > 0 || o.listen == "" || o.idle <= 0 || o.within <= 0 || o.grace < 0 {
		fmt.Fprintln(os.Stderr, "restart: give -listen ADDR; times are positive")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

// listenerName is what the listener is called between two processes, and FileDescriptorName in a socket unit.
const listenerName = "http"

func run(o options, out io.Writer) error {
	given, err := handover.Take()
	if err != nil {
		return err
	}
	defer given.Close()
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	ln, err := given.Listener(lp, listenerName, nil)
	if errors.Is(err, os.ErrNotExist) {
		ln, err = tcp.Listen(lp, o.listen, nil)
	}
	if err != nil {
		return err
	}
	s := newServer(lp, o.idle)
	ln.OnAccept = s.accept
	r := &replacement{lp: lp, o: o, out: out, listeners: map[string]*stream.Listener{listenerName: ln}}
	if _, err := signal.Notify(lp, func(os.Signal) { r.restart() }, syscall.SIGHUP); err != nil {
		return err
	}
	if _, err := signal.Notify(lp, func(os.Signal) { r.stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	if err := quit.Explain(lp, os.Stderr); err != nil {
		return err
	}
	r.say("listening tcp %v", ln.LocalAddr())
	if err := given.Ready(); err != nil { // nobody waits for the word: the process serves all the same
		r.say("%v", err)
	}
	err = lp.Run()
	r.say("%d requests", s.requests)
	if errors.Is(err, loop.ErrShutdown) {
		err = nil
	}
	return err
}
