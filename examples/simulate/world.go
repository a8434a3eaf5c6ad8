package main

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"example.com/pike/examples/chat/server"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// The names of sim.Params.
const (
	paramClients = "clients"
	paramMillis  = "milliseconds"
)

const (
	port = 7000

	// If nothing has broken a connection, it answers within this time after the party, whatever the network does.
	patience = 60 * time.Second

	// The server outlives the party by more than that. If it ended earlier, it would hide clients that hang.
	encore = 90 * time.Second
)

// A party is one world: a chat server, its clients, and what they have seen of each other. Its programs take turns, so
// all of it is shared without locks.
type party struct {
	w        *sim.World
	plant    *plant // nil for none
	until    poller.Time
	shutdown poller.Time
	crashed  bool // the server, with what was not written of its transcript
	page     bytes.Buffer
	clients  []*client

	sessions []*session
	byName   map[string]*session
	messages []*message
	said     int // bytes of those
	told     int // messages that arrived
	owed     int // of those, and of others, that had to
}

// A tally sums up what the worlds of a search have seen. It decides nothing in them.
type tally struct{ sessions, messages, told, owed atomic.Int64 }

func (t *tally) add(p *party) {
	t.sessions.Add(int64(len(p.sessions)))
	t.messages.Add(int64(len(p.messages)))
	t.told.Add(int64(p.told))
	t.owed.Add(int64(p.owed))
}

func (t *tally) String() string {
	return fmt.Sprintf("%d connections, %d messages, delivered %d times, of which %d had to be",
		t.sessions.Load(), t.messages.Load(), t.told.Load(), t.owed.Load())
}

// play runs one world. It is what sim.Search calls.
func play(w *sim.World, bug *plant, seen *tally) error {
	p := &party{w: w, plant: bug, byName: map[string]*session{}}
	p.until = poller.Time(w.Param(paramMillis)) * poller.Time(time.Millisecond)
	p.shutdown = p.until.Add(encore)
	if w.Rand().IntN(4) == 0 { // in the middle of things
		p.shutdown = p.until - poller.Time(w.Rand().Int64N(int64(p.until)/4+1))
	}
	srv := w.Host("srv")
	srv.Restart = 300 * time.Millisecond
	w.Go(srv, p.serve)
	for i := range w.Param(paramClients) {
		h := w.Host(fmt.Sprintf("c%02d", i))
		h.Restart = time.Second
		w.Link(h, srv, sim.Link{
			Latency:   time.Duration(1+w.Rand().IntN(40)) * time.Millisecond,
			Jitter:    time.Duration(1+w.Rand().IntN(10)) * time.Millisecond,
			Bandwidth: 1 << (17 + w.Rand().IntN(8)),
		})
		c := &client{p: p, host: h}
		p.clients = append(p.clients, c)
		w.Go(h, c.run)
	}
	if err := w.Run(); err != nil {
		return err
	}
	err := p.check()
	seen.add(p)
	return err
}

// serve is the program of the server's host. After a crash it is run again.
func (p *party) serve(h *sim.Host) error {
	left := p.shutdown.Sub(h.Now())
	if left <= 0 {
		return nil
	}
	lp, err := loop.New(loop.Options{Poller: p.plant.tap(h)})
	if err != nil {
		return err
	}
	srv, err := server.Listen(lp, fmt.Sprint(":", port), server.Options{Transcript: &p.page})
	if err != nil {
		return err
	}
	books := &books{w: p.w}
	books.watch(lp)
	p.plant.infect(lp)
	closes := 0
	srv.OnClose = func() { closes++ }
	if _, err := timer.After(lp, left, srv.Shutdown); err != nil {
		return err
	}
	err = lp.Run()
	if errors.Is(err, sim.ErrKilled) {
		p.crashed = true
		return nil
	}
	if err != nil {
		return err
	}
	if closes != 1 || srv.Clients() != 0 || books.opened != books.closed {
		return fmt.Errorf("the server ended with %d calls of its OnClose, %d clients, %d connections accepted and %d closed",
			closes, srv.Clients(), books.opened, books.closed)
	}
	return nothingLeft(lp, h)
}

// nothingLeft ends a loop that has run out of things to do.
func nothingLeft(lp *loop.Loop, h *sim.Host) error {
	handles := 0
	lp.Walk(func(loop.Handle) { handles++ })
	if handles != 0 || h.Sockets() != 0 {
		return fmt.Errorf("leak: %d handles and %d sockets are left at the end", handles, h.Sockets())
	}
	return lp.Close()
}

// onAccept wraps what the listeners of a loop do with a connection, which is the way into a server from outside.
func onAccept(lp *loop.Loop, wrap func(c *tcp.Conn)) {
	lp.Walk(func(h loop.Handle) {
		if ln, ok := h.(*tcp.Listener); ok {
			accept := ln.OnAccept
			ln.OnAccept = func(c *tcp.Conn) {
				accept(c)
				wrap(c)
			}
		}
	})
}

// books count what the server's connections do.
type books struct {
	w              *sim.World
	opened, closed int
}

func (b *books) watch(lp *loop.Loop) {
	onAccept(lp, func(c *tcp.Conn) {
		b.opened++
		closed, closes := c.OnClose, 0
		c.OnClose = func(c *tcp.Conn, err error) {
			b.closed++
			if closes++; closes > 1 {
				b.w.Errorf("the server's connection to %v closed twice", c.RemoteAddr())
			}
			closed(c, err)
		}
	})
}
