package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// TestSimulated runs the server in worlds that go wrong in every way, with clients that talk, wander and break off: every
// second is a browser.
// Whatever happens to their connections, nobody gets a line that is not of the protocol, invented, twice or out of its
// sender's order; and in the end everything is closed and in the transcript.
func TestSimulated(t *testing.T) {
	faults := sim.Heavy().Without(sim.Crash)
	sim.Explore(t, 20, sim.Config{Faults: faults, Params: []sim.Param{{Name: "clients", Value: 8, Min: 2}}}, simulate)
}

func simulate(w *sim.World) error {
	var page bytes.Buffer
	w.Go(w.Host("srv"), func(h *sim.Host) error { return simServer(w, h, &page) })
	host := w.Host("cli")
	var all []*talker
	ids := map[int64]string{}
	w.Go(host.Process("viewer"), new(viewer).run)
	for i := range w.Param("clients") {
		k := &talker{name: fmt.Sprint("client-", i), web: i%2 == 1, ids: ids}
		all = append(all, k)
		w.Go(host.Process(k.name), k.run)
	}
	if err := w.Run(); err != nil {
		return err
	}
	written := strings.SplitAfter(page.String(), "\n")
	for _, k := range all {
		if err := k.check(written); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func simServer(w *sim.World, h *sim.Host, page io.Writer) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	wall := func() time.Time { return time.Unix(0, int64(lp.Now())) }
	srv, err := Listen(lp, ":7000", Options{Transcript: page, Idle: time.Minute, Wall: wall})
	if err != nil {
		return err
	}
	web, err := srv.ListenWeb(":7080", WebOptions{})
	if err != nil {
		return err
	}
	ended := false
	srv.OnClose = func() { ended = true }
	report := loop.ShutdownReport{Cut: -1} // until there is one
	timer.After(lp, 90*time.Second, func() {
		lp.Shutdown(context.Background(), time.Minute, func(r loop.ShutdownReport) { report = r })
	})
	if err := lp.Run(); err != nil {
		return err
	}
	visits := len(web.visits) + len(web.live.watchers)
	if !ended || srv.conns != 0 || srv.Clients() != 0 || len(srv.names) != 0 || h.Sockets() != 0 || visits != 0 {
		return fmt.Errorf("ended %v: %d connections, %d clients, %d names, %d sockets",
			ended, srv.conns, srv.Clients(), len(srv.names), h.Sockets())
	}
	if report.Err != nil || report.Cut != 0 || report.Jobs > 0 || report.Took > 10*time.Second {
		return fmt.Errorf("the shutdown went so: %+v", report)
	}
	return lp.Close()
}

// A talker is a client that sends a few numbered lines, and notes what it gets.
type talker struct {
	name  string
	lp    *loop.Loop
	got   []string
	begun string
	sent  int
	times int // that it has connected

	web      bool // it is a browser
	upgraded bool
	raw      []byte           // not taken apart yet
	ids      map[int64]string // of messages that browsers have seen
	err      error
}

func (k *talker) run(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	k.lp = lp
	k.connect()
	if err := lp.Run(); err != nil {
		return err
	}
	return lp.Close()
}

// connect tries until it is connected, or the server must be gone.
func (k *talker) connect() {
	k.begun, k.raw, k.upgraded = "", nil, false
	addr := "10.0.0.1:7000"
	if k.web {
		addr = "10.0.0.1:7080"
	}
	again := func() {
		if k.times++; k.times < 20 {
			timer.After(k.lp, 3*time.Second, k.connect)
		}
	}
	_, err := tcp.Dial(k.lp, addr, &tcp.Options{Timeout: 20 * time.Second}, func(c *tcp.Conn, err error) {
		if err != nil {
			again()
			return
		}
		c.OnRead = k.read
		c.OnClose = func(*tcp.Conn, error) { again() }
		if k.web {
			c.WriteString(upgradeOf("/ws?name="+k.name, "Host: 10.0.0.1:7080"))
			k.lines(c, "/bogus\n/also #den\n/who\n")
		} else {
			k.lines(c, "/nick "+k.name+"\n/bogus\n\xff\n/who\n")
		}
		k.say(c)
	})
	if err != nil {
		again()
	}
}

func (k *talker) say(c *tcp.Conn) {
	lines := 5
	if k.sent == 0 {
		lines = linesPerTurn + 16
	}
	for range lines {
		k.sent++
		k.lines(c, fmt.Sprintf("%s says %d\n", k.name, k.sent))
	}
	switch k.sent % 4 {
	case 0:
		k.lines(c, "/join #den\n/in #den\n/part #den\n")
	case 1:
		k.lines(c, "/join #lobby\n/msg client-0 psst\nnot the end of a li")
		c.Abort()
		return
	case 2:
		k.lines(c, "/quit\n")
		return
	}
	if k.sent < 150 {
		timer.After(k.lp, 700*time.Millisecond, func() {
			if c.Writable() {
				k.say(c)
			}
		})
	}
}

func (k *talker) read(c *tcp.Conn, p []byte) {
	text := string(p)
	if k.web {
		text = k.unpack(c, p)
	}
	lines := strings.SplitAfter(k.begun+text, "\n")
	last := len(lines) - 1
	k.begun = lines[last]
	k.got = append(k.got, lines[:last]...)
}

// check looks at what k got, connection by connection.
func (k *talker) check(written []string) error {
	if k.err != nil {
		return k.err
	}
	last, invalid := map[string]int{}, 0
	for _, l := range k.got {
		if !protocol.MatchString(strings.TrimSuffix(l, "\n")) {
			return fmt.Errorf("got %q", l)
		}
		switch {
		case strings.HasPrefix(l, "* welcome"):
			invalid++ // it sends one such line each time
		case strings.HasPrefix(l, "! that line is not valid"):
			invalid--
		}
		if strings.HasPrefix(l, "* welcome") || strings.HasPrefix(l, "* "+k.name+" joined ") {
			clear(last) // what it has seen may now be shown again
		}
		_, text, ok := strings.Cut(l, "] ")
		if !ok || l[0] != '[' {
			continue
		}
		if !slices.Contains(written, l) {
			return fmt.Errorf("%q is not in the transcript", l)
		}
		var from, name string
		var n int
		if _, err := fmt.Sscanf(text, "%s %s says %d\n", &from, &name, &n); err != nil {
			continue
		}
		if n <= last[name] || from != name+":" && !strings.HasPrefix(from, guestPrefix) {
			return fmt.Errorf("%q after number %d", l, last[name])
		}
		last[name] = n
	}
	if invalid < 0 {
		return fmt.Errorf("%d lines were found invalid that were not", -invalid)
	}
	return nil
}
