package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// A model is what a server has of one client's keys, which nobody else uses.
type model struct {
	rand *rand.Rand
	name string
	keys map[string]string
}

// step is a command, as it is sent, and what it is answered.
func (m *model) step() (command, answer string) {
	key := fmt.Sprint(m.name, m.rand.IntN(4))
	value, found := m.keys[key]
	switch m.rand.IntN(8) {
	case 0:
		text := m.text(100)
		return array("PING", text), reply(text)
	case 1:
		return "ping\r\n", "+PONG\r\n"
	case 2:
		delete(m.keys, key)
		if found {
			return array("DEL", key, key), ":1\r\n"
		}
		return "DEL  " + key + "\n", ":0\r\n"
	case 3:
		n := 0
		if found {
			var err error
			if n, err = strconv.Atoi(value); err != nil {
				return array("incr", key), badNumber + "\r\n"
			}
		}
		m.keys[key] = strconv.Itoa(n + 1)
		return array("incr", key), fmt.Sprintf(":%d\r\n", n+1)
	case 4:
		value := m.text(1 << m.rand.IntN(18))
		if option := []string{"NX", "XX"}[m.rand.IntN(2)]; (option == "NX") != found {
			m.keys[key] = value
			return array("SET", key, value, option, "EX", "1000000"), "+OK\r\n"
		} else {
			return array("SET", key, value, "px", "1", option), "$-1\r\n"
		}
	case 5:
		m.keys[key] = m.text(1 << m.rand.IntN(18))
		return array("SET", key, m.keys[key]), "+OK\r\n"
	case 6:
		if m.rand.IntN(2) == 0 {
			return array("nothing", key), "-ERR unknown command \"nothing\" with 1 arguments\r\n"
		}
		if delete(m.keys, key); found {
			return array("EXPIRE", key, "-1"), ":1\r\n"
		}
		return array("EXPIRE", key, "-1"), ":0\r\n"
	default:
		if !found {
			return array("GET", key), "$-1\r\n"
		}
		return array("GET", key), reply(value)
	}
}

func reply(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// text is a number, or bytes of up to that many.
func (m *model) text(most int) string {
	if m.rand.IntN(3) == 0 {
		return strconv.Itoa(m.rand.IntN(1000))
	}
	b := make([]byte, m.rand.IntN(most+1))
	for i := range b {
		b[i] = byte(m.rand.Uint32())
	}
	return string(b)
}

// clients is a world of a server, and of clients that send pipelines and compare all answers with a model.
func clients(w *sim.World) error {
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		lp, err := loop.New(loop.Options{Poller: h})
		if err != nil {
			return err
		}
		return serve(lp, ":6379", "")
	})
	for i := range w.Param("clients") {
		m := &model{rand: w.Rand(), name: fmt.Sprint("client", i, ":"), keys: map[string]string{}}
		w.Go(w.Host(fmt.Sprint("cli", i)), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error { return m.dial(w, lp) })
		})
	}
	return w.Run()
}

// dial has a connection, and after a fault another one, which cannot know what became of the commands that were not
// answered: it has keys of its own.
func (m *model) dial(w *sim.World, lp *loop.Loop) error {
	pipelines, tries := w.Param("pipelines"), 0
	var again func() error
	again = func() error {
		if tries++; tries == 20 {
			return nil
		}
		m.keys, m.name = map[string]string{}, fmt.Sprint(m.name, tries)
		var expected bytes.Buffer
		send := func(c *tcp.Conn) {
			for range m.rand.IntN(40) {
				command, answer := m.step()
				c.WriteString(command)
				expected.WriteString(answer)
			}
			c.WriteString("PING\r\n")
			expected.WriteString("+PONG\r\n")
			pipelines--
		}
		_, err := tcp.Dial(lp, "srv:6379", &tcp.Options{Timeout: time.Minute, IdleTimeout: time.Minute}, func(c *tcp.Conn, err error) {
			if err != nil {
				timer.After(lp, time.Second, func() { again() })
				return
			}
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if want := expected.Next(len(p)); !bytes.Equal(p, want) {
					w.Errorf("%s: answer %.100q, want %.100q", m.name, p, want)
					c.Abort()
				}
				switch {
				case expected.Len() > 0:
				case pipelines <= 0:
					c.OnClose = nil
					c.Close()
				default:
					send(c)
				}
			}
			c.OnClose = func(_ *tcp.Conn, err error) {
				if w.Param("faults") == 0 {
					w.Errorf("%s: %v", m.name, err)
				}
				again()
			}
			send(c)
		})
		return err
	}
	return again()
}

func TestUnderFaults(t *testing.T) {
	worlds := 150
	if testing.Short() {
		worlds = 15
	}
	for faults, f := range []sim.Faults{sim.None(), sim.Heavy().Without(sim.Crash)} {
		sim.Explore(t, worlds, sim.Config{Faults: f, Params: []sim.Param{
			{Name: "clients", Value: 3, Min: 1}, {Name: "pipelines", Value: 6, Min: 1}, {Name: "faults", Value: faults, Min: faults},
		}}, clients)
	}
}
