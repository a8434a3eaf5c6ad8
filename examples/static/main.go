// Static serves the files of a folder over HTTP/1.1: GET and HEAD, ranges, If-Modified-Since and
// If-None-Match, pipelines, and index.html for folders. What is not in the folder cannot be had, also by a
// symbolic link that leads out of it (os.Root). Files are sent by SendFile. The disk is asked on other
// goroutines, so that a slow one holds up nobody but who asked.
//
//	go run ./examples/static -listen 127.0.0.1:8080 -root .
//
// What was found out about a file holds for a second. Up to 256 files stay open for who asks next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

type options struct {
	listen, root string
	head         time.Duration // for a request
	idle, write  time.Duration
	grace        time.Duration
}

func main() {
	o := options{write: 30 * time.Second}
	flag.StringVar(&o.listen, "listen", "", "serve HTTP on `ADDR`")
	flag.StringVar(&o.root, "root", "", "serve the files of `DIR`")
	flag.DurationVar(&o.head, "head", 10*time.Second, "end connections whose request takes longer than `D` to arrive")
	flag.DurationVar(&o.idle, "idle", time.Minute, "end connections on which nothing moves for `D`")
	flag.DurationVar(&o.grace, "grace", 10*time.Second, "cut off what is left `D` after a signal")
	flag.Parse()
	if flag.NArg() > 0 || o.listen == "" || o.root == "" || o.head <= 0 || o.idle <= 0 || o.grace < 0 {
		fmt.Fprintln(os.Stderr, "static: give -listen ADDR and -root DIR; times are positive")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "static:", err)
		os.Exit(1)
	}
}

// run serves until SIGINT or SIGTERM. What has been asked for by then is sent, if that does not take too long.
func run(o options, out io.Writer) error {
	root, err := os.OpenRoot(o.root)
	if err != nil {
		return err
	}
	defer root.Close()
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	grace := o.grace
	end := func(os.Signal) {
		lp.Shutdown(context.Background(), grace, nil)
		grace = 0 // a second signal does not wait
	}
	if _, err := signal.Notify(lp, end, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	s, err := listen(lp, root, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "listening tcp", s.ln.LocalAddr())
	err = lp.Run()
	s.cache.clear()
	fmt.Fprintf(out, "%d requests\n", s.requests)
	if errors.Is(err, loop.ErrShutdown) {
		err = nil
	}
	return err
}
