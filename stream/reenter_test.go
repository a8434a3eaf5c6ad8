package stream_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"example.com/pike/tcp"
)

// An act is what a callback does to a connection: its own, or another one of
// the same batch of events.
type act struct {
	name string
	do   func(c *tcp.Conn)
}

var acts = []act{
	{"Close", func(c *tcp.Conn) { c.Close() }},
	{"Abort", func(c *tcp.Conn) { c.Abort() }},
	{"CloseWrite", func(c *tcp.Conn) { c.CloseWrite() }},
	{"PauseRead", func(c *tcp.Conn) { c.PauseRead() }},
	{"Write and Close", func(c *tcp.Conn) { c.Write(make([]byte, 100_000)); c.Close() }},
	{"Close and Abort", func(c *tcp.Conn) { c.Write(make([]byte, 100)); c.Close(); c.Abort() }},
	{"PauseRead and ResumeRead", func(c *tcp.Conn) { c.PauseRead(); c.ResumeRead() }},
	{"CloseWrite and Close", func(c *tcp.Conn) { c.Write(make([]byte, 100)); c.CloseWrite(); c.Close() }},
	{"nothing", func(c *tcp.Conn) {}},
}

// A witness sees to it that the callbacks of a connection come in an order that
// can be: nothing after OnClose, no OnRead after OnEOF, nothing but OnClose
// after Abort, no reading after Close.
type witness struct {
	testing.TB
	name                       string
	reads, eofs, wrote, closed int
	done, doneWanted           int
}

func (w *witness) see(c *tcp.Conn, what string) {
	if w.closed > 0 {
		w.Errorf("%s: %s after OnClose", w.name, what)
	}
	if c.Closing() && what != "OnClose" && what != "done" {
		w.Errorf("%s: %s after Close", w.name, what)
	}
	if w.eofs > 0 && what == "OnRead" {
		w.Errorf("%s: OnRead after OnEOF", w.name)
	}
}

// A stage is a callback to act in.
type stage string

var stages = []stage{"OnAccept", "dialed", "OnRead", "OnEOF", "OnWrite", "done", "OnClose"}

// watch sets the callbacks of c; in calls act for the stage it is told.
func (w *witness) watch(c *tcp.Conn, in func(at stage, c *tcp.Conn)) {
	c.OnRead = func(c *tcp.Conn, _ []byte) {
		w.see(c, "OnRead")
		w.reads++
		in("OnRead", c)
	}
	c.OnEOF = func(c *tcp.Conn) {
		w.see(c, "OnEOF")
		if w.eofs++; w.eofs > 1 {
			w.Errorf("%s: OnEOF twice", w.name)
		}
		in("OnEOF", c)
	}
	c.OnWrite = func(c *tcp.Conn) {
		w.see(c, "OnWrite")
		w.wrote++
		in("OnWrite", c)
	}
	c.OnClose = func(c *tcp.Conn, _ error) {
		w.see(c, "OnClose")
		w.closed++
		in("OnClose", c)
	}
}

func (w *witness) write(c *tcp.Conn, in func(at stage, c *tcp.Conn)) {
	err := c.WriteBuffers([][]byte{make([]byte, 5000)}, func(error) {
		w.see(c, "done")
		w.done++
		in("done", c)
	})
	if err == nil {
		w.doneWanted++
	}
}

// Every act in every callback, on the connection that calls back and on another
// whose events are in the same batch.
func TestActInEveryCallback(t *testing.T) {
	for _, at := range stages {
		for _, a := range acts {
			for _, other := range []bool{false, true} {
				name := fmt.Sprintf("%s in %s of %s", a.name, at, map[bool]string{false: "itself", true: "another"}[other])
				t.Run(name, func(t *testing.T) { actIn(newRig(t), at, a, other) })
			}
		}
	}
}

// actIn has two pairs of connections talk at the same time. The first callback
// of the stage, whosever it is, acts; then all is closed and must end.
func actIn(r *rig, at stage, a act, other bool) {
	var conns []*tcp.Conn
	var seen []*witness
	acted := false
	act := func(s stage, c *tcp.Conn) {
		if acted || s != at {
			return
		}
		acted = true
		target := c
		for _, o := range conns {
			if other && o != c && o.RemoteAddr() != c.LocalAddr() {
				target = o
			}
		}
		a.do(target)
	}
	add := func(c *tcp.Conn, name string) *witness {
		w := &witness{TB: r, name: name}
		conns, seen = append(conns, c), append(seen, w)
		w.watch(c, act)
		return w
	}
	ln := r.listen(nil, func(c *tcp.Conn) {
		w := add(c, "accepted")
		act("OnAccept", c)
		w.write(c, act)
	})
	for range 2 {
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			if err == nil {
				act("dialed", c)
			}
		})
		r.no(err)
		w := add(c, "dialed")
		w.write(c, act)
	}
	// Only on Linux does loopback have there by the next turn what was sent in this.
	switch at {
	case "OnEOF", "OnClose":
		r.until("all are accepted", func() bool { return len(conns) == 4 })
	default:
		r.until("the callback came", func() bool { return acted })
	}
	r.turns(30)
	r.no(ln.Close())
	for _, c := range conns {
		c.CloseWrite() // for OnEOF
	}
	if at == "OnEOF" {
		r.until("the callback came", func() bool { return acted })
	}
	r.turns(30)
	for _, c := range conns {
		c.ResumeRead()
		c.Close()
	}
	r.run()
	if !acted {
		r.Fatalf("no callback of stage %s came", at)
	}
	for _, w := range seen {
		r.equal(w.name+": OnClose", w.closed, 1)
		r.equal(w.name+": done", w.done, w.doneWanted)
	}
}

// Events of one batch: what is closed in it hears no more of it, and what is
// opened in it hears nothing that was meant for another.
func TestBatchWithDescriptorsUsedAgain(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, nil)
	const pairs = 20
	var accepted []*tcp.Conn
	ln.OnAccept = func(c *tcp.Conn) { accepted = append(accepted, c) }
	var dialed []*tcp.Conn
	for range pairs {
		dialed = append(dialed, r.dial(ln, nil))
	}
	r.until("all are accepted", func() bool { return len(accepted) == pairs })
	refused := r.refused()

	reads, refusals := 0, 0
	for _, c := range accepted {
		c.OnRead = func(c *tcp.Conn, _ []byte) {
			if reads++; reads > 1 {
				t.Error("a connection closed in the batch was told of its data")
			}
			for _, o := range accepted {
				if o != c {
					r.no(o.Abort())
				}
			}
			for range pairs { // as many, for the same numbers
				_, err := tcp.Dial(r.lp, refused, nil, func(c *tcp.Conn, err error) {
					refusals++
					if err == nil {
						t.Error("a connection to nobody was made")
					}
				})
				r.no(err)
			}
		}
	}
	for _, c := range dialed {
		c.WriteString("x")
	}
	r.until("every dial is refused", func() bool { return refusals == pairs })
	r.equal("reads", reads, 1)
}

// Connections come and go in each other's callbacks, and descriptor numbers with
// them; whatever arrives says for whom it is.
func TestNothingGoesAstray(t *testing.T) {
	a := &astray{rig: newRig(t), rng: rand.New(rand.NewPCG(1, 2)), clients: make([]*tcp.Conn, 40)}
	a.ln = a.listen(nil, a.serve)
	for i := range a.clients {
		a.open(i)
	}
	const rounds = 2000
	for more := 100; more <= rounds; more += 100 { // a slow machine has the time for each hundred
		a.until("a hundred more were opened", func() bool { return a.opened >= more })
	}
	a.over = true
	if a.got < rounds {
		t.Errorf("only %d messages came", a.got)
	}
}

type astray struct {
	*rig
	rng     *rand.Rand
	ln      *tcp.Listener
	clients []*tcp.Conn
	opened  int // which is also the name of a client, four bytes
	got     int
	over    bool
}

func (a *astray) serve(s *tcp.Conn) {
	var name, part []byte
	s.OnRead = func(s *tcp.Conn, p []byte) {
		s.Write(p)
		part = append(part, p...)
		if name == nil && len(part) >= 4 {
			name = bytes.Clone(part[:4])
		}
		for ; len(part) >= 4; part = part[4:] {
			a.check(name, part[:4])
			a.got++
		}
	}
}

func (a *astray) check(name, got []byte) {
	if !bytes.Equal(got, name) {
		a.Fatalf("%x came to %x", got, name)
	}
}

func (a *astray) open(i int) {
	a.opened++
	name := binary.BigEndian.AppendUint32(nil, uint32(a.opened))
	c, err := tcp.Dial(a.lp, a.ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil && a.clients[i] == c && !a.over {
			a.Error(err)
		}
	})
	a.no(err)
	a.clients[i] = c
	var part []byte
	c.OnRead = func(c *tcp.Conn, p []byte) {
		for part = append(part, p...); len(part) >= 4; part = part[4:] {
			a.check(name, part[:4])
			if a.rng.IntN(3) == 0 {
				a.replace(a.rng.IntN(len(a.clients)))
			}
			if a.clients[i] == c {
				c.Write(name)
			}
		}
	}
	c.Write(name)
}

// replace closes one connection and opens another in its place.
func (a *astray) replace(i int) {
	if a.rng.IntN(2) == 0 {
		a.clients[i].Abort()
	} else {
		a.clients[i].Close()
	}
	a.open(i)
}
