// Chat is a chat server for terminals, and a terminal for it.
//
//	go run ./examples/chat                                   # serve on 127.0.0.1:7000
//	go run ./examples/chat -connect 127.0.0.1:7000 -name ann # join; nc 127.0.0.1 7000 does as well
//	go run ./examples/chat -listen :7000 -tls-self           # serve TLS; it prints how to join
//	go run ./examples/chat -unix /tmp/chat.sock              # serve at a path as well; -connect /tmp/chat.sock joins
//
// Where to look: serve.go runs the server, and doors.go opens its listeners; package server is the chat itself,
// client the terminal, and line what both do to text. It prints a line for each who joins, leaves or is dropped.
//
// The comment of package server says what clients can say, and so does the answer to /help. On SIGINT or SIGTERM the
// server tells everyone, sends what is queued and exits, within ten seconds. A second signal does not wait. On
// SIGQUIT it says what it is doing. The limits are meant for a public port: docs/security.md says what each is for.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"example.com/pike/examples/chat/client"
	"example.com/pike/examples/chat/server"
	"example.com/pike/examples/internal/secure"
	"example.com/pike/poller"
)

type options struct {
	listen     string
	unix       string
	secure     secure.Flags
	layer      poller.Layer // of TLS, or nil
	pin        string       // the fingerprint of a certificate made in memory
	web        string
	connect    string
	dial       secure.ClientFlags
	name       string
	transcript string
	idle       time.Duration
	max        int
	rate       float64
	quiet      bool
}

func main() {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case o.connect != "":
		err = join(o)
	default:
		err = serve(o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// join is the terminal.
func join(o options) error {
	cfg, err := o.dial.Config()
	if err != nil {
		return err
	}
	return client.Join(client.Options{
		Addr: o.connect, Name: o.name, TLS: cfg, In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
	})
}

// parse reads the command line. It has said itself what is wrong with it.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("chat", flag.ContinueOnError)
	f.StringVar(&o.listen, "listen", "127.0.0.1:7000", "serve on `ADDR`")
	f.StringVar(&o.unix, "unix", "", "serve at `PATH` as well, of a unix-domain socket, or @NAME on Linux")
	f.StringVar(&o.web, "web", webDefault,
		"serve a page for browsers on `ADDR`, empty is none; for this one another port will do if it is taken")
	o.secure.Register(f)
	f.StringVar(&o.connect, "connect", "", "join the server at `ADDR`, or at a path, instead of serving")
	o.dial.Register(f)
	f.StringVar(&o.name, "name", "", "with -connect: the `NAME` to take")
	f.StringVar(&o.transcript, "transcript", "", "append every message, private ones too, to `FILE`")
	f.DurationVar(&o.idle, "idle", server.DefaultIdle, "drop a client that sends no line for so long; 0 is never")
	f.IntVar(&o.max, "max", server.DefaultMax, "how many clients there may be")
	f.Float64Var(&o.rate, "rate", server.DefaultRate, "accept so many connections a second, more wait; 0 is no limit")
	f.BoolVar(&o.quiet, "quiet", false, "log errors only")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	wrong := ""
	switch {
	case f.NArg() > 0:
		wrong = "there are no arguments, only flags"
	case o.max < 1:
		wrong = "-max is at least 1"
	case !(o.rate >= 0):
		wrong = "-rate is not negative"
	case o.idle < 0:
		wrong = "-idle is not negative"
	case o.name != "" && o.connect == "":
		wrong = "-name goes with -connect"
	case o.dial.On() && o.connect == "":
		wrong = "-tls and -tls-fingerprint go with -connect"
	case o.secure.On() && o.connect != "":
		wrong = "-tls-self, -tls-cert and -tls-key are of the server: with -connect it is -tls or -tls-fingerprint"
	default:
		if err := o.secure.Check(); err != nil {
			wrong = err.Error()
		}
	}
	if wrong != "" {
		fmt.Fprintln(f.Output(), "chat:", wrong)
		f.Usage()
		return o, errors.New(wrong)
	}
	return o, nil
}
