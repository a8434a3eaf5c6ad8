package main

import (
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// A plant is a bug that is put into the server from outside, to see whether it is found.
type plant struct {
	name string
	what string

	// A plant has one of these: a stream with the bug, or a way to put the bug into a server that listens.
	wire  func(w wire) link
	enter func(lp *loop.Loop)
}

// plants are all there are.
var plants = []*plant{
	{name: "lost-write", what: "a message to one of a room is not written now and then", wire: newLossy},
	{name: "reordered-lines", what: "the first two lines of a write change places now and then", wire: newSwapping},
	{name: "sent-twice", what: "a write that went out at once goes out again now and then", wire: newRepeating},
	{name: "lost-sent", what: "that a pending write has gone out is not told now and then", wire: newMute},
	{name: "deaf-to-eof", what: "the end of a stream is not told now and then", wire: newDeaf},
	{name: "next-owner", what: "data for a closed connection reaches the next that has its descriptor", wire: newStale},
	{name: "leaked-connection", what: "a connection that the peer has reset is not closed", wire: newLeaking},
	{name: "no-linger", what: "Close does not wait until the peer has everything", wire: newHasty},
	{name: "memory-keeper", what: "data that has to wait is kept where it is instead of copied", enter: keepMemory},
	{name: "double-close", what: "OnClose is called again for a connection whose send has failed", enter: closeTwice},
}

func plantNamed(name string) *plant {
	for _, p := range plants {
		if p.name == name {
			return p
		}
	}
	return nil
}

// tap is the server's poller, with the bug if it belongs there.
func (p *plant) tap(h *sim.Host) poller.Poller {
	if p == nil || p.wire == nil {
		return h
	}
	return &tap{Host: h, plant: p}
}

// infect puts the bug into a server, if it belongs there.
func (p *plant) infect(lp *loop.Loop) {
	if p != nil && p.enter != nil {
		p.enter(lp)
	}
}

// A tap is a poller between the server and its host. It is deterministic like everything in a world: it counts, and does
// the wrong thing every so often.
type tap struct {
	*sim.Host
	plant *plant
	count int
	late  []func() // upcalls for the end of the Poll

	fds   []*stale // by descriptor, of next-owner
	stray [][]byte // by descriptor, what came for an owner that is gone
}

func (t *tap) every(n int) bool {
	t.count++
	return t.count%n == 0
}

// Poll polls the host, and makes upcalls of its own.
func (t *tap) Poll(deadline poller.Time) error {
	err := t.Host.Poll(deadline)
	for _, f := range t.late {
		f()
	}
	t.late = nil
	return err
}

// Listen has what is accepted pass through wires.
func (t *tap) Listen(addr poller.Addr, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	return t.Host.Listen(addr, o, &gate{a, t})
}

type gate struct {
	poller.Acceptor
	t *tap
}

func (g *gate) Accepted(s poller.Stream) poller.StreamHandler {
	l := g.t.plant.wire(wire{Stream: s, t: g.t})
	owner := g.Acceptor.Accepted(l)
	if owner == nil {
		return nil
	}
	l.give(owner)
	return l
}

// A link is the stream that the server has and the handler that the host has.
type link interface {
	poller.Stream
	poller.StreamHandler
	give(owner poller.StreamHandler)
}

// A wire is a link without a bug. Links with a bug embed it.
type wire struct {
	poller.Stream
	t     *tap
	owner poller.StreamHandler
}

// Unacked is passed on, because Close of a connection asks for it.
func (w *wire) Unacked() int { return w.Stream.(poller.Acker).Unacked() }

func (w *wire) give(owner poller.StreamHandler) { w.owner = owner }

func (w *wire) Connected(err error)          { w.owner.Connected(err) }
func (w *wire) Received(p []byte, err error) { w.owner.Received(p, err) }
func (w *wire) Sent(err error)               { w.owner.Sent(err) }
func (w *wire) Closed()                      { w.owner.Closed() }
