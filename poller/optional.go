package poller

import (
	"context"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// What only some backends have, or some users need, is an interface of its own. The packages
// above ask for it by a type assertion, as programs do for http.Flusher.

// An Adopter makes sockets of descriptors that were opened elsewhere. It works
// on a duplicate, so that the caller's stays the caller's, to close; both name
// one socket, which becomes non-blocking (dup(2)).
type Adopter interface {
	AdoptListener(fd uintptr, h Acceptor) (Socket, error)
	AdoptStream(fd uintptr, h StreamHandler) (Stream, error)
	AdoptPacket(fd uintptr, h PacketHandler) (Packet, error)
}

// A PipeOpener makes streams of descriptors that are no sockets: pipes, FIFOs, terminals and other
// character devices. What can also be had for them without a Dial, a socketpair, it takes too.
type PipeOpener interface {
	// OpenPipe makes a stream that reads in and writes out; either may be NoPipe. Where both
	// are one descriptor the stream has the halves that this is open for. It works on
	// duplicates, or on descriptors that it has opened anew, and so the caller's stay the caller's,
	// to close. name is what Peer says.
	//
	// Shutdown closes out. That nobody reads out any more is the loss of the connection
	// (EPIPE): Sent tells it, or, where there is no in or that has ended, Received. A stream
	// without a half is told nothing of it: no EOF comes without in, and a Send without out
	// fails with EBADF. Reset is Close: what is in a pipe stays there.
	OpenPipe(name string, in, out uintptr, h StreamHandler) (Stream, Halves, error)
}

// NoPipe is the descriptor of a half that there is not.
const NoPipe = ^uintptr(0)

// Halves are the sides that a stream has.
type Halves uint8

// The two sides. A socket has both.
const (
	Reads Halves = 1 << iota
	Writes
)

// A Releaser is a socket that gives its descriptor back.
type Releaser interface {
	// Release takes the socket out of the poller with its descriptor open and
	// the caller's; Closed follows. With a Send in flight it is an error.
	Release() (fd uintptr, err error)
}

// A Descriptor has a descriptor that system calls can be made on. Of a Poller
// it is the event queue itself: readable when Poll would not block, so that a
// loop can be embedded in another.
type Descriptor interface {
	Fd() uintptr
}

// A Pender is a Poller that can have something to tell which its descriptor does
// not show: that a socket was closed, or a send has failed, since the last Poll.
// The next one will not wait.
type Pender interface {
	Pending() bool
}

// A Resolver answers names in place of the system's resolver; *net.Resolver is
// one. LookupNetIP may block and is called off the loop.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// An Executor runs what blocks. Submit may be called by any goroutine and must
// not block, whatever is going on; an error means that the job will not run.
type Executor interface {
	Submit(job func()) error
}

// A Gate is a Poller of a world that does one thing at a time, as the simulator's.
type Gate interface {
	// Enter comes before anything is handed to a loop of the Poller (Post, Stop), on any
	// goroutine. If the world knows that goroutine for one that has to wait, Enter waits
	// until it is its turn.
	Enter()

	// AfterFunc is context.AfterFunc, but f is called between two turns of programs, not
	// on a goroutine that races with them. It belongs to the goroutine of the Poller.
	AfterFunc(ctx context.Context, f func()) (stop func() bool)
}

// AfterFunc is context.AfterFunc for what belongs to a Poller: its Gate's, if it is one.
func AfterFunc(p Poller, ctx context.Context, f func()) (stop func() bool) {
	if g, ok := p.(Gate); ok {
		return g.AfterFunc(ctx, f)
	}
	return context.AfterFunc(ctx, f)
}

// A Signaler delivers signals in place of os/signal.
type Signaler interface {
	// Signals calls notify inside Poll for each signal of sigs (none is all)
	// until stop is called.
	Signals(notify func(os.Signal), sigs ...os.Signal) (stop func())
}

// A Sleeper says when it waits. A loop recognizes by that who calls it from another goroutine
// meanwhile.
type Sleeper interface {
	// MarkWaits has each Poll turn state from Polling to Waiting before it blocks, and
	// to Awake when it has, before any upcall. Others may set it Awake at any time.
	MarkWaits(state *atomic.Uint32)
}

// The states of a Poll, for a Sleeper.
const (
	Awake   uint32 = iota // under way to upcalls, or none is under way
	Polling               // says the caller, before it calls Poll
	Waiting               // and makes no upcalls
)

// A Timekeeper is a Poller whose clock any goroutine may read.
type Timekeeper interface {
	// Time is Now.
	Time() Time
}

// A Waiter measures how long Polls wait, without the upcalls they make then.
type Waiter interface {
	// MeasureWaits has each Poll add to d the time it has been blocked: nothing, where
	// something was ready or the deadline was past.
	MeasureWaits(d *time.Duration)
}

// An Inquirer is a Poller whose world can stand still, and then asks what waits in it.
type Inquirer interface {
	// Inquire has explain called by who wants to know what the owner of the Poller waits for. That
	// is on any goroutine, while a Poll waits and cannot go on.
	Inquire(explain func(w io.Writer))
}

// An Acker is a stream that knows what its peer has acknowledged.
type Acker interface {
	// Unacked is how many bytes the system has taken that the peer's system has not
	// acknowledged. An end that was sent (Shutdown) counts as one.
	Unacked() int
}

// A Foreteller is a stream that knows what the next Polls have to tell of it (rule 14 of
// the contract). A loop may be late, because a callback took long or the process was
// stopped. It has much to look at then, perhaps more than one Poll tells. Who asks first
// does not take for a peer's silence what waits to be read.
type Foreteller interface {
	// Untold is what has happened by now and was not told yet: Readable if something
	// has arrived, n bytes of data, or with none an end or an error alone; Writable if
	// the Send in flight can go on or has failed, or if a dial has ended. It does not count
	// what a stream that is stopped would not tell. Whatever it says, the next Polls tell.
	Untold() (n int, ev Events)
}

// A Meter counts the events that a poller has taken from the system.
type Meter interface {
	Events() uint64
}

// An EndWatcher is a stream that can tell EOF while it is stopped.
type EndWatcher interface {
	// WatchEnd has a stopped stream tell EOF too, if it has received all that arrived
	// before. Start and Stop end that.
	WatchEnd()
}

// A Duplicator is a Releaser whose descriptor can be had without giving it up.
type Duplicator interface {
	// Duplicate is another descriptor of the same socket, and the caller's. It fails
	// where Release would.
	Duplicate() (fd uintptr, err error)
}

// A Prefetcher can load what it begins its work with: a handler what its upcalls begin with, a
// stream what its Send does. So the memory of several that are due is waited for once.
// Prefetch changes nothing, and returns any byte of what it has loaded. It may be called or not.
type Prefetcher interface{ Prefetch() byte }

// An Indivisible is a stream whose sides end together, with Close, as those of a named pipe of
// Windows do. Its Shutdown does nothing, and after the peer's end there is nobody to send to.
type Indivisible interface{ Indivisible() }
