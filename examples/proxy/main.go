// Proxy forwards TCP: what connects to one address talks to another. However
// slow a reader is, it holds at most 256 KiB for a connection, both directions
// together; half-closes and resets pass through.
//
//	go run ./examples/proxy -listen 127.0.0.1:7008 -to 127.0.0.1:7007
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
)

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "accept connections on `ADDR`")
	flag.StringVar(&o.to, "to", "", "forward them to `ADDR`, whose name is looked up for each")
	flag.DurationVar(&o.idle, "idle", 5*time.Minute, "end connections on which nothing moves for `D`; 0 is never")
	flag.DurationVar(&o.dial, "dial", 10*time.Second, "give up on connecting after `D`; 0 is when the system does")
	flag.Parse()
	if flag.NArg() > 0 || o.listen == "" || o.to == "" || o.idle < 0 || o.dial < 0 {
		fmt.Fprintln(os.Stderr, "proxy: give -listen ADDR and -to ADDR; times are not negative")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

type options struct {
	listen, to string
	idle, dial time.Duration
}

// run forwards until SIGINT or SIGTERM and then prints the totals.
func run(o options, out io.Writer) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	// First, so that whoever reads that it listens may end it.
	if _, err := signal.Notify(lp, func(os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	p, err := listen(lp, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "listening", p.ln.Addr())
	if err := lp.Run(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, p)
	return err
}
