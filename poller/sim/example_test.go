package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// shoutServer is a server as it would be written for the real network: only the
// poller of its loop is another.
func shoutServer(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	ln, err := tcp.Listen(lp, ":7000", nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
	}
	return lp.Run()
}

// shout sends a text and returns what comes back until the server ends it, or
// size bytes.
func shout(h *sim.Host, addr, text string) (answer string, err error) {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return "", err
	}
	defer lp.Close()
	var ended error
	_, err = tcp.Dial(lp, addr, nil, func(c *tcp.Conn, err error) {
		if err != nil {
			ended = err
			return
		}
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if answer += string(p); len(answer) == len(text) {
				c.Close()
			}
		}
		c.OnClose = func(c *tcp.Conn, err error) { ended = err }
		io.WriteString(c, text)
	})
	if err == nil {
		err = lp.Run()
	}
	return answer, errors.Join(err, ended)
}

// A world with two hosts: a server that is not waited for, and a client.
func Example() {
	w := sim.New(1, sim.Config{Faults: sim.Light()})
	srv, cli := w.Host("srv"), w.Host("cli")
	w.Daemon(srv, shoutServer)
	w.Go(cli, func(h *sim.Host) error {
		answer, err := shout(h, "srv:7000", "hello")
		fmt.Println(answer)
		return err
	})
	fmt.Println(w.Run())
	// Output:
	// HELLO
	// <nil>
}

// A rule resets the third connection, and no other, after two bytes.
func ExampleRule() {
	w := sim.New(1, sim.Config{Rules: []sim.Rule{
		{Fault: sim.Reset, To: "srv", Port: 7000, Nth: 3, After: 2},
	}})
	srv, cli := w.Host("srv"), w.Host("cli")
	w.Daemon(srv, shoutServer)
	for i := range 4 {
		p := cli.Process(fmt.Sprint("cli/", i+1))
		w.Go(p, func(h *sim.Host) error {
			h.Poll(h.Now().Add(time.Duration(i) * time.Second)) // one after the other
			_, err := shout(h, "10.0.0.1:7000", "hello")
			fmt.Println(h.Name(), "reset:", errors.Is(err, syscall.ECONNRESET))
			return nil
		})
	}
	fmt.Println(w.Run())
	// Output:
	// cli/1 reset: false
	// cli/2 reset: false
	// cli/3 reset: true
	// cli/4 reset: false
	// <nil>
}

// A partition that heals: the text arrives late and the program does not notice.
func ExampleWorld_At() {
	w := sim.New(1, sim.Config{})
	srv, cli := w.Host("srv"), w.Host("cli")
	w.Daemon(srv, shoutServer)
	w.Go(cli, func(h *sim.Host) error {
		answer, err := shout(h, "10.0.0.1:7000", "hello")
		fmt.Println(answer, w.Now() > 10e9)
		return err
	})
	w.At(time.Millisecond, func() { w.CutFor(srv, cli, 10*time.Second) })
	fmt.Println(w.Run())
	// Output:
	// HELLO true
	// <nil>
}

// Search is what Explore is made of, for programs that are no tests.
func ExampleSearch() {
	r := sim.Search(1, 200, sim.Config{Faults: sim.Heavy()}, func(w *sim.World) error {
		srv, cli := w.Host("srv"), w.Host("cli")
		w.Daemon(srv, shoutServer)
		w.Go(cli, func(h *sim.Host) error {
			answer, err := shout(h, "srv:7000", "hello")
			if err == nil && answer != "HELLO" {
				w.Errorf("the answer is %q", answer)
			}
			return nil // a network may fail
		})
		return w.Run()
	})
	fmt.Println(r.Worlds, "worlds; failure:", r.Failure)
	if r.Hits[sim.SplitRead] == 0 {
		fmt.Fprintln(os.Stderr, "no read was split:", r.Hits)
	}
	// Output:
	// 200 worlds; failure: <nil>
}
