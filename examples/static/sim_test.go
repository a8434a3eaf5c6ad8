package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// asked is what each client of the world asks for, all at once, and what it has to get.
var asked = []struct {
	text   string
	status int
	body   []byte
}{
	{request11("GET", "/a.txt"), 200, []byte("0123456789")},
	{request11("GET", "/none"), 404, []byte("404 Not Found\n")},
	{request11("GET", "/big.bin", "Range: bytes=-100000"), 206, content(bigSize)[bigSize-100_000:]},
	{request11("GET", "/sub/"), 200, []byte("sub")},
	{request11("GET", "/big.bin", "Range: bytes=70000-70999"), 206, content(bigSize)[70_000:71_000]},
	{request11("GET", "/a.txt", "Connection: close"), 200, []byte("0123456789")},
}

// world is a server and clients that ask it in pieces. What they get is as it should be, as far as it comes. Each world
// opens the folder anew: an os.Root has a lock, and a job that waits for one of another world waits longer at times.
func world(site string) func(w *sim.World) error {
	return func(w *sim.World) error {
		root, err := os.OpenRoot(site)
		if err != nil {
			return err
		}
		defer root.Close()
		w.Daemon(w.Host("srv"), func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			s, err := listen(lp, root, options{listen: ":80", head: time.Minute, idle: time.Minute, write: time.Minute})
			if err != nil {
				return err
			}
			begun := lp.Now()
			s.wall = func() time.Time { return modified.Add(lp.Now().Sub(begun)) }
			s.ln.OnError = func(error) {}
			defer s.cache.clear()
			return lp.Run()
		})
		for i := range w.Param("clients") {
			w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error { return visit(w, h, i) })
		}
		return w.Run()
	}
}

func visit(w *sim.World, h *sim.Host, i int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	var text bytes.Buffer
	for _, a := range asked {
		text.WriteString(a.text)
	}
	var got []byte
	_, err = tcp.Dial(lp, "10.0.0.1:80", &tcp.Options{Timeout: time.Minute, IdleTimeout: time.Minute}, func(c *tcp.Conn, err error) {
		if err != nil {
			if w.Param("faults") == 0 {
				w.Errorf("client %d: %v", i, err)
			}
			return
		}
		more := func(c *tcp.Conn) { c.Write(text.Next(20 + 100*i)) }
		c.OnWrite = more
		more(c)
		c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		c.OnClose = func(_ *tcp.Conn, err error) {
			if n := check(w, got); n != len(asked) && (err == io.EOF || w.Param("faults") == 0) {
				w.Errorf("client %d has got %d answers of %d, and then %v", i, n, len(asked), err)
			}
		}
	})
	if err != nil {
		return err
	}
	return lp.Run()
}

// check looks at all answers that are there as a whole.
func check(w *sim.World, got []byte) (whole int) {
	in := bufio.NewReader(bytes.NewReader(got))
	for _, a := range asked {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return whole
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return whole
		}
		if r.StatusCode != a.status || !bytes.Equal(body, a.body) {
			w.Errorf("the answer to %q is %d %.60q", a.text, r.StatusCode, body)
		}
		whole++
	}
	return whole
}

// TestInSimulatedWorlds has worlds without faults, in which everybody gets everything, and others.
func TestInSimulatedWorlds(t *testing.T) {
	site, worlds := site(t), 60
	if testing.Short() {
		worlds = 10
	}
	for faults, f := range []sim.Faults{sim.None(), sim.Heavy().Without(sim.Crash)} {
		params := []sim.Param{{Name: "clients", Value: 3, Min: 1}, {Name: "faults", Value: faults, Min: faults}}
		sim.Explore(t, worlds, sim.Config{Faults: f, Params: params}, world(site))
	}
}
