package sim

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// A Host is a machine in a world with one process on it, and that process's
// poller: what loop.New takes. Process adds further processes.
//
// There are two ways to run it. World.Go is given its program, and runs it whenever the
// world has something for it. Or an ordinary test calls Poll, which runs the world as far
// as it has to.
type Host struct {
	w    *World
	m    *machine
	name string
	id   uint16

	sockets []endpoint
	files   map[uintptr]handle
	ready   []endpoint // with something to tell
	closing []endpoint // with nothing left to tell but Closed
	told    []endpoint // the memory of ready and closing, in turn
	ended   []endpoint
	left    *stream // that was detached in Accepted
	signals []os.Signal
	subs    []*subscription

	polling  bool // upcalls are being made
	waiting  bool // in Poll, for its turn
	roused   bool // a turn is on its way
	closed   bool // by Close
	woken    atomic.Bool
	marks    *atomic.Uint32 // of MarkWaits
	waits    *time.Duration // of MeasureWaits
	turns    int64          // so far; tells a turn of this Poll from one of an earlier
	deadline poller.Time    // of the Poll that waits, by the clock of the world
	asked    poller.Time    // the same by its own
	timer    poller.Time    // when the earliest evDeadline in the queue happens
	paused   poller.Time    // no turn comes before this, not even for a deadline
	stopped  stops          // by Pause, SIGSTOP and acts
	reads    int            // of the clock since the last Poll
	events   uint64

	explain func(w io.Writer) // of Inquire; nil if nobody knows more

	workers []poller.Time // of the chief: when each is free
	jobs    int64

	chief   *Host   // whose process it is: h itself, but of a thread
	threads []*Host // of the chief; see OpenThread
	joins   *Host   // the thread that it waits for

	// Restart has the program start again this long after the process was killed
	// or the host has crashed. Only hosts that restart crash by chance.
	Restart time.Duration

	// Files is how many sockets and files the process may have open; 0 is Config.Files.
	Files int

	// UID and GID are the user and the group of the process, for unix domains: a peer sees them, and the
	// Mode of a file is held against them. User 0 may do anything.
	UID, GID int

	program  func(*Host) error // nil: none, the host is polled from outside
	daemon   bool
	begun    bool                    // the program was: a World that ends before has not run it
	life     int64                   // programs begun so far
	resumed  func() (struct{}, bool) // goes on with the program; nil: it has not begun, or runs now
	yield    func(struct{}) bool     // gives the turn back to the root
	result   error                   // of the program
	finished bool                    // the program has returned, and not ended its goroutine
	gone     error                   // why Poll does not work any more
	futile   int                     // Polls since
}

var (
	_ poller.Poller   = (*Host)(nil)
	_ poller.Resolver = (*Host)(nil)
	_ poller.Executor = (*Host)(nil)
	_ poller.Gate     = (*Host)(nil)
	_ poller.Signaler = (*Host)(nil)
	_ poller.Meter    = (*Host)(nil)
	_ poller.Sleeper  = (*Host)(nil)
	_ poller.Waiter   = (*Host)(nil)
	_ poller.Inquirer = (*Host)(nil)
	_ poller.Spawner  = (*Host)(nil)
)

// An endpoint is a socket as Poll sees it.
type endpoint interface {
	// tell makes the upcalls that are due and reports whether there are more.
	tell() (more bool)

	// end makes the last upcalls.
	end()

	// abandon takes the socket from its process without upcalls, as the system
	// does with those of a process that ends, or, if vanish, of a machine that
	// loses power.
	abandon(vanish bool)

	common() *socket
	String() string
}

// The costs of running, in virtual time.
const (
	// turnCost is what a Poll takes at least: a program that polls without waiting
	// sees time pass.
	turnCost = 1 * microsecond

	// A process with something to do is scheduled within this time, so that more
	// than one socket may have become ready.
	scheduleMost = 20 * microsecond

	// A program that reads the clock this often without a Poll waits for it to change.
	// From then on every reading costs turnCost.
	readsFree = 1000
)

// Name is the name of the host.
func (h *Host) Name() string { return h.name }

// World is the world that the host is part of.
func (h *Host) World() *World { return h.w }

// Addrs are the addresses of the host, besides those of its loopback.
func (h *Host) Addrs() []netip.Addr { return h.m.addrs }

// Sockets is how many sockets the process has open, to see whether it leaks.
func (h *Host) Sockets() (n int) {
	h.process(func(t *Host) { n += len(t.sockets) })
	return n
}

// Process adds a process to the machine of h, with a poller of its own and the
// machine's addresses, for World.Go or to be polled.
func (h *Host) Process(name string) *Host { return h.w.process(h.m, name) }

// Now reads the clock of the machine, which is that of the world until SetClock says
// otherwise. Code takes no time by itself, but a program that
// reads the clock again and again until it changes will see it change.
func (h *Host) Now() poller.Time {
	if h.reads++; h.reads > readsFree {
		h.w.step(h.w.now + turnCost)
		if h.reads > 1<<24 {
			panic("sim: " + h.name + " reads the clock in a loop without Poll")
		}
	}
	return h.m.clock.at(h.w.now)
}

// Wake makes one Poll return.
func (h *Host) Wake() error {
	if !h.woken.Swap(true) {
		h.w.inbox.put(func(b *inbox) { b.wake = append(b.wake, h) })
	}
	return nil
}

// Events counts the sockets that were found ready.
func (h *Host) Events() uint64 { return h.events }

// MarkWaits has each Poll mark in state that it waits, while the rest of the world runs.
func (h *Host) MarkWaits(state *atomic.Uint32) { h.marks = state }

// MeasureWaits has each Poll add to d how long it had nothing to tell.
func (h *Host) MeasureWaits(d *time.Duration) { h.waits = d }

// Inquire has State include what explain says.
func (h *Host) Inquire(explain func(w io.Writer)) { h.explain = explain }

// Poll lets the world run until it has something for this host, and tells it.
func (h *Host) Poll(deadline poller.Time) error {
	switch {
	case h.polling:
		panic("sim: Poll inside an upcall")
	case h.gone != nil:
		return h.leaving()
	case h.yield == nil && h.w.rooted:
		panic("sim: Poll inside a call of World.At, or of a host without a program inside World.Run")
	case h.closed:
		return eBADF.of("poll")
	}
	h.reads = 0
	h.note(vPoll, 0, nil, int64(deadline), eOK)
	h.asked = deadline
	h.wait(h.m.clock.world(deadline))
	if h.marks != nil {
		h.marks.Store(poller.Awake)
	}
	switch {
	case h.gone != nil:
		return h.gone
	case h.w.err != nil:
		return h.w.err
	}
	h.deliver()
	return h.w.err
}

// wait lets time pass until there is something to tell, or the deadline.
func (h *Host) wait(deadline poller.Time) {
	w := h.w
	w.settleAfter(h)
	w.verify()
	soon := w.now + turnCost
	busy := len(h.ready)+len(h.closing)+len(h.signals) > 0 || h.woken.Load() || deadline <= soon
	if busy && !h.stops(soon) && w.queue.first() > soon && !w.inbox.full.Load() && w.step(soon) {
		return // nobody else has anything to do by then
	}
	if h.marks != nil {
		h.marks.CompareAndSwap(poller.Polling, poller.Waiting)
	}
	began := w.now
	h.waiting, h.deadline = true, deadline
	switch {
	case busy:
		h.schedule(soon)
	case deadline != poller.Never:
		h.alarm()
	}
	if h.yield == nil {
		w.await(h)
	} else if g := w.advance(false); g != h {
		w.chosen = g
		h.yield(struct{}{})
	}
	if h.waits != nil && !busy {
		*h.waits += w.now.Sub(began)
	}
	h.waiting, h.roused = false, false
	h.turns++
	if h.paused != 0 && w.now >= h.paused {
		h.goOn()
	}
}

// alarm sets an event for the deadline. If an earlier alarm is set already it leaves it
// alone, because that one sets the next.
func (h *Host) alarm() {
	if h.timer > h.deadline {
		h.timer = h.deadline
		h.w.queue.push(h.deadline, evDeadline, h, int64(h.deadline))
	}
}

// schedule has the turn of h come.
func (h *Host) schedule(at poller.Time) {
	h.roused = true
	h.w.queue.push(at, evTurn, h, h.turns)
}

// rouse has the turn of h come because there is something to do.
func (h *Host) rouse() {
	if !h.waiting || h.roused {
		return
	}
	at := h.w.now + h.w.dice.between(dieTurn, turnCost, scheduleMost)
	if h.strikes(Pause, h.m, h.m, 0, nil) {
		at += h.w.span(Pause)
		h.paused = max(h.paused, at)
	}
	if h.chief.Restart > 0 && h.strikes(Crash, h.m, h.m, 0, nil) {
		h.loses(h.w.span(Crash))
	}
	h.schedule(at)
}

// due reports whether an event begins the turn of h.
func (h *Host) due(k kind, arg int64) bool {
	switch k {
	case evBegin:
		return h.begin(arg)
	case evTurn:
		return h.waiting && arg == h.turns && (h.gone != nil || !h.stops(h.w.now))
	}
	if poller.Time(arg) == h.timer {
		h.timer = poller.Never
	}
	switch {
	case !h.waiting:
		return false
	case h.deadline > h.w.now && h.deadline != poller.Never:
		h.alarm()
	case h.stops(h.w.now):
		h.roused = true // its turn comes when it goes on
		return false
	}
	return h.deadline <= h.w.now
}

// happen is for the events of a host that are no turns.
func (h *Host) happen(k kind, arg int64) {
	switch k {
	case evHalt:
		h.chief.halt(false)
	case evPowerOff:
		h.m.powerOff(poller.Time(arg))
	}
}

// deliver makes the upcalls that are due, in an order that the seed decides. What they
// cause waits for the next Poll.
func (h *Host) deliver() {
	h.polling = true
	var cut endpoint // whose upcall is being made
	defer func() {
		h.polling = false
		if cut != nil {
			h.putOff(cut)
		}
	}()
	h.woken.Store(false)
	h.deliverSignals()
	h.ready, h.told = h.told[:0], h.ready
	h.shuffle(h.told)
	for i, e := range h.told {
		h.told[i] = nil
		if e == nil { // it was detached
			continue
		}
		s := e.common()
		s.queued = false
		if s.closed {
			continue
		}
		h.events++
		cut = e
		if e.tell() && s.h == h {
			h.tellSoon(e)
		}
		cut = nil
	}
	if len(h.closing) > 0 {
		h.closing, h.ended = h.ended[:0], h.closing
		for i, e := range h.ended {
			h.ended[i] = nil
			if !h.closed {
				cut = e
				e.end()
				cut = nil
			}
		}
	}
}

// putOff leaves to the next Poll what a handler's panic has cut short.
func (h *Host) putOff(cut endpoint) {
	if !h.closed {
		h.tellSoon(cut)
	}
	for i, e := range h.told {
		if h.told[i] = nil; e != nil && !h.closed {
			h.ready = append(h.ready, e) // and is queued still
		}
	}
	for i, e := range h.ended {
		if h.ended[i] = nil; e != nil && !h.closed {
			h.closing = append(h.closing, e)
		}
	}
	h.rouse()
}

func (h *Host) shuffle(e []endpoint) {
	for i := len(e) - 1; i > 0; i-- {
		j := h.w.dice.below(dieOrder, int64(i)+1)
		e[i], e[j] = e[j], e[i]
	}
}

// tellSoon has the next Poll call e's tell.
func (h *Host) tellSoon(e endpoint) {
	s := e.common()
	if s.queued || s.closed || s.away {
		return
	}
	s.queued = true
	h.ready = append(h.ready, e)
	h.rouse()
}

// Close closes every socket, without upcalls, as the end of a process does, and
// the poller. Unlike that it removes the files of listeners. World.Go can start a new program on the host.
func (h *Host) Close() error {
	if h.closed || h.gone != nil {
		return eBADF.of("close")
	}
	for _, e := range h.sockets {
		if l, ok := e.(*listener); ok {
			l.removeFile()
		}
	}
	h.closed = true
	h.letGo()
	h.drop(false)
	return nil
}

// drop takes all sockets away.
func (h *Host) drop(vanish bool) {
	for len(h.sockets) > 0 {
		h.sockets[len(h.sockets)-1].abandon(vanish)
	}
	h.w.handles -= len(h.files) // a thread has none
	h.files = nil
	clear(h.ready)
	clear(h.closing)
	h.ready, h.closing, h.signals, h.subs = h.ready[:0], h.closing[:0], nil, nil
}

// Watch is not to be had: there are no descriptors here.
func (h *Host) Watch(uintptr, poller.Events, poller.WatchHandler) (poller.Watch, error) {
	return nil, fmt.Errorf("sim: watch: %w", errors.ErrUnsupported)
}
