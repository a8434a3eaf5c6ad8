package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

const idleInWorld = 10 * time.Second

// ending is a world of a server that is replaced at some time, and of clients that ask again and again until they
// are told that an answer is the last. No request is without its answer, and nobody sees a reset.
func ending(w *sim.World) error {
	rng := w.Rand()
	w.Go(w.Host("srv"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":80", nil)
			if err != nil {
				return err
			}
			ln.OnAccept = newServer(lp, idleInWorld).accept
			_, err = timer.After(lp, time.Second+time.Duration(rng.Int64N(int64(3*time.Second))), func() {
				lp.Shutdown(context.Background(), time.Hour, func(r loop.ShutdownReport) {
					if r.Cut > 0 || r.Finished != w.Param("clients") {
						w.Errorf("%+v", r)
					}
				})
			})
			return err
		})
	})
	for i := range w.Param("clients") {
		w.Go(w.Host(fmt.Sprint("cli", i)), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				v := &visitor{w: w, lp: lp, rest: func() time.Duration { return time.Duration(rng.Int64N(int64(2 * time.Second))) }}
				return v.dial()
			})
		})
	}
	return w.Run()
}

// A visitor is a client in a world.
type visitor struct {
	w       *sim.World
	lp      *loop.Loop
	rest    func() time.Duration // until the next request
	got     []byte
	asked   bool // a request has no answer yet
	last    bool // the answer was the last
	answers int
	sleepy  bool // it looks for an end of the connection only after it has sent a request
	leaves  bool // the end may come at any time
}

func (v *visitor) dial() error {
	_, err := tcp.Dial(v.lp, "srv:80", nil, func(c *tcp.Conn, err error) {
		if err != nil {
			v.w.Errorf("the dial: %v", err)
			return
		}
		c.OnRead = func(c *tcp.Conn, p []byte) { v.read(c, p) }
		c.OnClose = func(_ *tcp.Conn, err error) {
			if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
				v.w.Errorf("after %d answers: %v", v.answers, err)
			}
			if !v.leaves && (v.asked || !v.last) {
				v.w.Errorf("the end came after %d answers, with a request under way: %v; %v", v.answers, v.asked, err)
			}
		}
		v.ask(c)
	})
	return err
}

func (v *visitor) ask(c *tcp.Conn) {
	if !c.Writable() {
		return
	}
	v.asked = true
	wait := ""
	if v.answers%3 == 2 {
		wait = "?wait=1s"
	}
	c.WriteString("GET /" + wait + " HTTP/1.1\r\nHost: srv\r\n\r\n")
	if v.sleepy {
		timer.After(v.lp, 100*time.Millisecond, func() { c.ResumeRead() })
	}
}

func (v *visitor) read(c *tcp.Conn, p []byte) {
	v.got = append(v.got, p...)
	i := bytes.Index(v.got, []byte("\npid "))
	if i < 0 || !bytes.HasSuffix(v.got, []byte("\n")) {
		return
	}
	_, last, err := answer(bufio.NewReader(bytes.NewReader(v.got)))
	if err != nil || !v.asked {
		v.w.Errorf("it got %q, %v", v.got, err)
	}
	v.got, v.asked, v.last = v.got[:0], false, last
	if v.answers++; v.sleepy {
		c.PauseRead()
	}
	if !last {
		timer.After(v.lp, v.rest(), func() { v.ask(c) })
	}
}

// leaving is a world of clients whose request meets the end of an idle connection. It may have no answer, but
// nobody sees a reset, so that every client knows that it may ask again.
func leaving(w *sim.World) error {
	rng := w.Rand()
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":80", nil)
			if err == nil {
				ln.OnAccept = newServer(lp, idleInWorld).accept
			}
			return err
		})
	})
	for i := range w.Param("clients") {
		w.Go(w.Host(fmt.Sprint("cli", i)), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				rest := func() time.Duration {
					return idleInWorld - 2*time.Millisecond + time.Duration(rng.Int64N(int64(4*time.Millisecond)))
				}
				v := &visitor{w: w, lp: lp, rest: rest, leaves: true, sleepy: rng.IntN(2) == 0}
				return v.dial()
			})
		})
	}
	return w.Run()
}

func TestInSimulatedWorlds(t *testing.T) {
	worlds := 200
	if testing.Short() {
		worlds = 30
	}
	for name, world := range map[string]func(*sim.World) error{"ending": ending, "leaving": leaving} {
		t.Run(name, func(t *testing.T) {
			params := []sim.Param{{Name: "clients", Value: 5, Min: 1}}
			sim.Explore(t, worlds, sim.Config{Faults: sim.None(), Params: params}, world)
		})
	}
}

// answer reads an answer: which process has made it, and whether it is the last of its connection.
func answer(r *bufio.Reader) (pid string, last bool, err error) {
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", false, err
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return "", false, err
	}
	pid, ok := strings.CutPrefix(strings.TrimSpace(string(body)), "pid ")
	if a.StatusCode != http.StatusOK || !ok {
		return "", false, fmt.Errorf("the answer is %s, %q", a.Status, body)
	}
	return pid, a.Close, nil
}
