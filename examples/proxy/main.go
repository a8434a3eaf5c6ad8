// Proxy forwards TCP: what connects to one address talks to another. However slow a
// reader is, the proxy holds at most 256 KiB for a connection, both directions together.
// Half-closes and resets pass through. On SIGINT or SIGTERM it takes no more
// connections. It ends when those it has end, or after a while. A second signal does not
// wait. On SIGQUIT it says what it is doing.
//
//	go run ./examples/proxy -listen 127.0.0.1:7008 -to 127.0.0.1:7007
//
// With -tls-cert and -tls-key, or with -tls-self, it terminates TLS: its clients are encrypted, and what it
// forwards is not.
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

	"example.com/pike/examples/internal/quit"
	"example.com/pike/examples/internal/secure"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/signal"
	"example.com/pike/stream/tlslayer"
)

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "accept connections on `ADDR`")
	flag.StringVar(&o.to, "to", "", "forward them to `ADDR`, whose name is looked up for each")
	flag.DurationVar(&o.idle, "idle", 5*time.Minute, "end connections on which nothing moves for `D`; 0 is never")
	flag.DurationVar(&o.dial, "dial", 10*time.Second, "give up on connecting after `D`; 0 is when the system does")
	flag.DurationVar(&o.grace, "grace", 10*time.Second, "cut off what is left `D` after a signal")
	o.secure.Register(flag.CommandLine)
	flag.Parse()
	err := o.secure.Check()
	if flag.NArg() > 0 || o.listen == "" || o.to == "" || o.idle < 0 || o.dial < 0 || o.grace < 0 {
		err = errors.New("give -listen ADDR and -to ADDR; times are not negative")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
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
	grace      time.Duration
	secure     secure.Flags
}

// run forwards until SIGINT or SIGTERM and then prints the totals. A proxy cannot know that a connection is idle, so all
// connections have the grace.
func run(o options, out io.Writer) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	// This comes first, so that a signal ends the program as soon as it has said that it listens.
	grace := o.grace
	end := func(os.Signal) {
		fmt.Fprintln(out, "shutting down")
		lp.Shutdown(context.Background(), grace, nil)
		grace = 0
	}
	if _, err := signal.Notify(lp, end, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	if err := quit.Explain(lp, os.Stderr); err != nil {
		return err
	}
	cfg, err := o.secure.Config(out)
	if err != nil {
		return err
	}
	var layer poller.Layer
	if cfg != nil {
		layer = tlslayer.Server(cfg, nil)
	}
	p, err := listen(lp, layer, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "listening", p.ln.LocalAddr())
	if err := lp.Run(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, p)
	return err
}
