package main

import (
	"errors"
	"fmt"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

const dialTimeout = 5 * time.Second

// rooms are where clients go. A few, so that there is company in each.
var rooms = []string{"#lobby", "#attic", "#cellar", "#garden"}

// filler is what messages are made long with.
var filler = func() string {
	b := make([]byte, 3000)
	for i := range b {
		b[i] = byte('a' + i%26)
	}
	return string(b)
}()

// A client is a program that talks to the server, on one connection after the other.
type client struct {
	p     *party
	host  *sim.Host
	lp    *loop.Loop
	tick  *timer.Timer
	dials int
	now   *session // nil when there is none
	hush  int      // ticks until it reads again
	final bool     // the party is over
}

func (c *client) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(c.p.w.Rand().Int64N(int64(hi-lo)))
}

func (c *client) over() bool { return c.host.Now() >= c.p.until }

// run is the client's program. After a crash it is run again, without the connection that it had.
func (c *client) run(h *sim.Host) error {
	if c.over() {
		return nil
	}
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	c.lp, c.hush = lp, 0
	if c.tick, err = timer.New(lp, c.ticked); err != nil {
		return err
	}
	c.tick.Start(c.between(0, time.Second), 0)
	err = lp.Run()
	if errors.Is(err, sim.ErrKilled) {
		if c.now != nil {
			c.now.crashed = true
			c.now = nil
		}
		return nil
	}
	if err != nil {
		return err
	}
	if c.now != nil {
		return fmt.Errorf("%s was never closed", c.now.name)
	}
	return nothingLeft(lp, h)
}

// ticked does the next thing.
func (c *client) ticked() {
	s := c.now
	switch {
	case c.over():
		c.finish()
		return
	case s == nil:
		c.dial()
	case s.opened == 0 || s.leaving:
	case c.hush > 0:
		if c.hush--; c.hush == 0 {
			s.conn.ResumeRead()
		}
	default:
		c.act()
	}
	c.tick.Start(min(c.between(50*time.Millisecond, 600*time.Millisecond), c.p.until.Sub(c.lp.Now())), 0)
}

func (c *client) dial() {
	c.dials++
	p := c.p
	s := &session{p: p, c: c, id: len(p.sessions), name: fmt.Sprintf("%s-%d", c.host.Name(), c.dials)}
	p.sessions = append(p.sessions, s)
	p.byName[s.name] = s
	c.now, c.hush = s, 0
	conn, err := tcp.Dial(c.lp, fmt.Sprint("srv:", port), &tcp.Options{Timeout: dialTimeout}, func(conn *tcp.Conn, err error) {
		if s.dialed++; s.dialed > 1 {
			p.w.Errorf("%s: the function given to Dial is called twice", s.name)
		}
		if err == nil {
			s.opens(conn)
		}
	})
	if err != nil {
		p.w.Errorf("%s: %v", s.name, err)
		return
	}
	s.conn = conn
	conn.OnClose = s.closes
}

// act does something that users do, or their networks and programs.
func (c *client) act() {
	s, rnd := c.now, c.p.w.Rand()
	switch n := rnd.IntN(100); {
	case n < 60:
		for range 1 + rnd.IntN(4) {
			s.say()
		}
		s.mark()
	case n < 72:
		s.move(rooms[rnd.IntN(len(rooms))])
	case n < 84:
		if to := c.p.clients[rnd.IntN(len(c.p.clients))]; to != c && to.now != nil {
			s.whisper(to.now)
		}
	case n < 88:
		s.who()
	case n < 92:
		s.conn.PauseRead()
		c.hush = 1 + rnd.IntN(8)
	case n < 94:
		s.say()
		s.say() // no mark: it may or may not arrive
	default:
		s.say()
		s.leave(rnd.IntN(4))
	}
}

// finish ends the client when the party is over. The client waits for its answers, and leaves.
func (c *client) finish() {
	s := c.now
	switch {
	case s == nil:
	case c.final:
		c.p.w.Errorf("%s hangs: nothing has broken its connection, and %v after the party it waits for %s",
			s.name, patience, s.waitsFor())
	case s.opened == 0:
		c.final = true
		s.conn.Close()
	default:
		c.final = true
		if c.hush > 0 {
			s.conn.ResumeRead()
		}
		if !s.leaving {
			s.mark()
			s.last = s.marks
		}
		c.tick.Start(patience, 0)
	}
}

// closed goes on after the end of a connection.
func (c *client) closed() {
	c.now = nil
	if c.final {
		c.tick.Stop()
	}
}

func (c *client) time() poller.Time { return c.host.Now() }
