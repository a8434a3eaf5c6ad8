package sim

import (
	"fmt"
	"strings"
)

// A Fault is one thing that can go wrong in a world. Each fault has its occasions. At an
// occasion it strikes with the probability that [Faults] gives it, or because a [Rule] says
// so.
//
// A program meets the faults from ShortSend to Pause on any machine, and on its own
// loopback too. The others belong to networks. They strike what a machine sends to itself
// only if a rule names that machine. Of a connection of a unix domain, which no network
// carries, only Refuse strikes.
type Fault uint8

const (
	ShortSend   Fault = iota // the system takes only part of a Send; occasion: a Send, TrySend, or going on with one
	LateSent                 // a Send that could be done at once is pending for a while, as it always is on IOCP; a Send
	SplitRead                // only part of what has arrived is received; an upcall
	LateClose                // Closed comes some time after Close, as it may on IOCP; a Close
	SmallBuffer              // the system's buffers of a stream are only 4 to 12 KiB; a stream being opened
	TooManyOpen              // a connection cannot be accepted for want of descriptors (EMFILE); an accept
	SlowJob                  // a job takes 10 ms to 1 s longer; a job given to the Executor
	LookupFail               // the name server does not answer; a name being resolved
	DropUnread               // what was received and not read yet is lost, as on Windows, where Linux keeps it; a reset that arrives
	Pause                    // a process is not scheduled for 10 to 500 ms; when it has something to do

	Stall      // a segment is lost and sent again 200 ms to 3 s later; a segment of a stream
	LateWindow // the news that a reader has room again is lost, and asked for 200 ms to 3 s later; a reader of a full buffer
	Reset      // the network resets a connection, both ends of it; a segment of a stream
	Refuse     // a connect is refused although somebody listens; a connect
	Timeout    // a connect is never answered; a connect
	Drop       // a datagram is lost; a datagram
	Duplicate  // a datagram arrives twice; a datagram
	Reorder    // a datagram is overtaken by later ones; a datagram
	Partition  // two hosts cannot reach each other for 50 ms to 5 s; a segment, connect or datagram
	Crash      // a host loses power and starts again, if it has Restart; when it has something to do

	NumFaults int = iota
)

// A profile is what one fault is called and what Light and Heavy make of it.
type profile struct {
	name         string
	light, heavy uint32
}

var profiles = [NumFaults]profile{
	ShortSend:   {"short-send", 20_000, 150_000},
	LateSent:    {"late-sent", 20_000, 100_000},
	SplitRead:   {"split-read", 50_000, 200_000},
	LateClose:   {"late-close", 50_000, 200_000},
	SmallBuffer: {"small-buffer", 20_000, 100_000},
	TooManyOpen: {"too-many-open", 0, 20_000},
	SlowJob:     {"slow-job", 20_000, 100_000},
	LookupFail:  {"lookup-fail", 0, 20_000},
	DropUnread:  {"drop-unread", 0, 200_000},
	Pause:       {"pause", 100, 2_000},
	Stall:       {"stall", 1_000, 10_000},
	LateWindow:  {"late-window", 1_000, 50_000},
	Reset:       {"reset", 0, 1_000},
	Refuse:      {"refuse", 0, 20_000},
	Timeout:     {"timeout", 0, 5_000},
	Drop:        {"drop", 1_000, 50_000},
	Duplicate:   {"duplicate", 500, 20_000},
	Reorder:     {"reorder", 1_000, 50_000},
	Partition:   {"partition", 0, 200},
	Crash:       {"crash", 0, 100},
}

// String is the name of the fault, in lower case.
func (f Fault) String() string {
	if int(f) < NumFaults {
		return profiles[f].name
	}
	return fmt.Sprintf("fault %d", f)
}

// identifier is the name of the constant.
func (f Fault) identifier() string {
	var b strings.Builder
	for word := range strings.SplitSeq(f.String(), "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// faultNamed finds a fault by its name.
func faultNamed(name string) (Fault, bool) {
	for f, p := range profiles {
		if p.name == name {
			return Fault(f), true
		}
	}
	return 0, false
}

// Faults gives each fault its probability in millionths of its occasions, as in
//
//	sim.Faults{sim.Reset: 500, sim.SplitRead: 100_000}
type Faults [NumFaults]uint32

// None is a world without faults. Even so the seed decides the order of sockets
// within a Poll, and how long things take.
func None() Faults { return Faults{} }

// Light is what every program meets in production: what TCP hides, and datagrams that are
// lost now and then.
func Light() (f Faults) {
	for i := range f {
		f[i] = profiles[i].light
	}
	return f
}

// Heavy is every fault there is, often.
func Heavy() (f Faults) {
	for i := range f {
		f[i] = profiles[i].heavy
	}
	return f
}

// Preset returns None, Light or Heavy by its name in lower case, for flags.
func Preset(name string) (Faults, error) {
	switch name {
	case "none":
		return None(), nil
	case "light":
		return Light(), nil
	case "heavy":
		return Heavy(), nil
	}
	return Faults{}, fmt.Errorf("sim: no faults called %q (there is none, light, heavy)", name)
}

// Without is f with some faults left out.
func (f Faults) Without(out ...Fault) Faults {
	for _, o := range out {
		f[o] = 0
	}
	return f
}

// Hits counts how often each fault has struck.
type Hits [NumFaults]uint64

// Add adds the hits of another world.
func (h *Hits) Add(o Hits) {
	for i := range h {
		h[i] += o[i]
	}
}

// String lists the faults that struck, in the order of the constants.
func (h Hits) String() string {
	var b strings.Builder
	for f, n := range h {
		if n > 0 {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%v %d", Fault(f), n)
		}
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}
