package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// shoutServer is a server as it would be written for the real network, on the
// poller of a host.
func shoutServer(h *sim.Host) error {
	return loop.RunOn(h, func(lp *loop.Loop) error {
		ln, err := tcp.Listen(lp, ":7000", nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
		}
		return nil
	})
}

// shout sends a text and returns what comes back: as many bytes, or less if the
// connection ends before that.
func shout(h *sim.Host, addr, text string) (answer string, err error) {
	var ended error
	err = loop.RunOn(h, func(lp *loop.Loop) error {
		_, err := tcp.Dial(lp, addr, nil, func(c *tcp.Conn, err error) {
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
			c.WriteString(text)
		})
		return err
	})
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

// A partition comes and goes by the seed, and what must hold is looked at whenever code has run.
func ExampleWorld_Nemesis() {
	w := sim.New(1, sim.Config{})
	ticks, cuts := 0, 0
	for _, name := range []string{"a", "b", "c"} {
		w.Daemon(w.Host(name), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				_, err := timer.Every(lp, time.Second, func() { ticks++ })
				return err
			})
		})
	}
	w.Nemesis(sim.Halves(), sim.Act{
		Name: "count", Every: 10 * time.Second, For: time.Second,
		Do: func(hosts []*sim.Host) (undo func()) { cuts++; return nil },
	})
	w.Always("no more than three ticks a second", func() error {
		if most := 3 * int(time.Duration(w.Now())/time.Second); ticks > most {
			return fmt.Errorf("%d ticks at %v", ticks, time.Duration(w.Now()))
		}
		return nil
	})
	w.At(time.Minute, w.Calm) // from here on all is well
	w.Go(w.Host("watch"), func(h *sim.Host) error { return h.Poll(h.Now().Add(90500 * time.Millisecond)) })
	fmt.Println(w.Run(), ticks, cuts > 3)
	// Output: <nil> 270 true
}
