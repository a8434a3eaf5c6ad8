// Package poller runs sockets for one goroutine over whatever event queue the
// system has, and tells their owners what has completed.
//
// It is the seam of pike. Above it, package loop and the socket packages know
// only the interfaces below; under it, epoll and kqueue (readiness), IO
// completion ports and io_uring (completion) and a simulated network meet in
// one shape: a socket with two directions. Receiving is a stream that is on or
// off. Sending is at most one operation in flight. There are no operation
// objects, and an idle connection owns no buffer. The clock belongs to the
// poller too, because "now" and "wait until" must agree.
//
// # The contract
//
// Every backend keeps these rules, and package pollertest holds it to them.
//
//  1. Upcalls happen only inside [Poller.Poll], on its goroutine. No call into a
//     poller ever calls back.
//  2. A Send that returns true is over. One that returns false is followed by
//     exactly one Sent, also on error and after Close ([net.ErrClosed]). The buffers
//     are the poller's until then, and the caller's after. Errors of I/O are told
//     only by upcalls. What comes back for a datagram (a peer's refusal) is an error
//     of receiving, and of no Send.
//  3. Received data is the poller's memory, and dies when the upcall returns. Race
//     builds and the build tag pikedebug have it overwritten then. Until then the
//     handler may write to it: a layer deciphers in place. On a stream EOF
//     comes once, after every byte that arrived. The sending side stays usable
//     (half-close) until Close, unless the stream is [Indivisible]. An error comes once and last: instead of EOF, or
//     after it (rule 12).
//  4. Every socket ends in exactly one Closed, its last upcall. By then nothing of
//     it is with the system.
//  5. Stop works at once, also inside an upcall. Start after Stop loses nothing. A
//     stream that is stopped, and has nothing to send, is told no more than rule 12
//     says, unless it asks for its end ([EndWatcher]). An end that waits for Start
//     does not make Poll return again and again.
//  6. A Poll delivers at most a budget for each socket, and then moves on. Sockets
//     that are still ready are not forgotten.
//  7. One Poll returns for any number of Wakes before it.
//  8. A deadline never fires early.
//  9. An event never reaches a socket that it was not meant for, though the system
//     uses descriptor numbers again at once.
//  10. Within one Poll the order is the system's. In a simulator it is the seed's.
//  11. The first upcall of a stream that was accepted or dialed is Connected. When a
//     handler panics out of Poll, every socket still has its owner, and the next
//     Poll tells what was still to be told.
//  12. The loss of a connection is told once, by Sent or by Received. A connection
//     is lost when it was reset, or when the system has given it up. What has
//     arrived comes first, and waits for Start. A stream that receives, or has had
//     EOF, is told. One that is stopped is told as soon as nothing that arrived is
//     before the loss. Where both sides had ended, there is no connection to lose.
//  13. Only a Poll that has nothing to report sleeps. No other call does, whatever
//     others do to a descriptor that they have too: they may make it blocking, or
//     give it a time to linger. This holds as far as the system has a means against
//     that.
//  14. A stream says, when it is asked ([Foreteller]), what has happened and is
//     still to be told. So a loop that is late takes none of its own time for the
//     peer's silence.
//  15. What TrySend did not take is what the next Send or TrySend begins with, all of
//     it. A [Layer] has sealed it already, and cannot take that back.
//  16. A stream that a [Layer] has made keeps these rules, too. Its upcalls come inside
//     an upcall of the stream below, or from what [Env.Defer] was given.
//
// Errors are [os.SyscallError] values that name the call that failed; the
// packages above add the operation and the address. [Open] opens a backend.
package poller

import (
	"math"
	"time"
)

// Time is a reading of a poller's monotonic clock, in nanoseconds. Readings of
// two pollers do not compare.
type Time int64

// Never is the deadline that does not come.
const Never Time = math.MaxInt64

// Add returns the time d later; what would overflow is [Never].
func (t Time) Add(d time.Duration) Time {
	if d > 0 && t > Never-Time(d) {
		return Never
	}
	return t + Time(d)
}

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// A Poller is an event queue, the sockets in it, and the clock its deadlines
// are read on.
//
// Every method but Wake belongs to the goroutine that calls Poll, and so do the
// methods of every socket it opens.
type Poller interface {
	// Now reads the clock.
	Now() Time

	// Poll calls the handlers of what has completed. With nothing to report it
	// blocks until something is, until Wake, or until deadline; a deadline that
	// is past polls without blocking. It may return early with nothing done.
	Poll(deadline Time) error

	// Wake makes one Poll return, the one that is blocked or the next. Any
	// goroutine may call it; calls that find a wake-up pending do nothing.
	Wake() error

	// Listen opens a listening stream socket, stopped. A nil Options is all
	// defaults; so it is below.
	Listen(addr Addr, o *Options, h Acceptor) (Socket, error)

	// Dial starts to connect a stream. Connected tells how that ended, also
	// where the system refuses at once; the error returned is of opening a
	// socket, before anything was sent.
	Dial(addr Addr, o *Options, h StreamHandler) (Stream, error)

	// Bind opens a datagram socket, stopped.
	Bind(addr Addr, o *Options, h PacketHandler) (Packet, error)

	// Watch reports the readiness of a descriptor that somebody else owns. The
	// owner must keep it open until Close. A descriptor can be watched once at a
	// time in a poller. Watching starts at once. If the owner closes the descriptor
	// first, the Watch hears nothing from then on, or from the next call on it. Set
	// is EBADF then. Whoever gets the number, a socket or another Watch, has nothing
	// to do with the old one.
	Watch(fd uintptr, ev Events, h WatchHandler) (Watch, error)

	// Close closes every socket, without calling handlers, and the queue.
	Close() error
}

// A Socket is a listener, or what streams and packet sockets have in common.
type Socket interface {
	// Start begins delivery. After EOF, an error or Close it does nothing.
	Start()

	// Stop suspends delivery, at once: what the system had already handed over
	// waits for the next Start.
	Stop()

	// Close ends the socket. Its Send, if one is out, completes with
	// net.ErrClosed; Closed is the last upcall, and until then the system may
	// hold the memory of that Send. Closing again does nothing.
	Close()

	// Addr is the address the socket is bound to; the zero Addr if it has none
	// any more.
	Addr() Addr

	// SetOption sets an option, Option reads it. An option that the system or
	// the kind of socket does not have is errors.ErrUnsupported.
	SetOption(o Option, value int) error
	Option(o Option) (int, error)
}

// A Stream is a connected socket, or one that is being dialed. It opens stopped.
type Stream interface {
	Socket

	// Peer is the address of the other end, also after it has gone.
	Peer() Addr

	// SetHandler has h told what comes from here on, in place of the handler until now.
	// It may be called inside an upcall. Nothing is told twice, and Sent of a Send that
	// is in flight goes to h.
	SetHandler(h StreamHandler)

	// Send writes bufs in order and reports whether it is done with them. If
	// not, it keeps them, and the slice that holds them, until it calls Sent;
	// there must be no second Send, and no TrySend, before that. It changes neither
	// the slice nor the bytes.
	Send(bufs [][]byte) (done bool)

	// TrySend writes as much of p as the system takes at once and returns how
	// much that was; it keeps nothing of p. An error is left for the next Send
	// to report. The rest of p comes first in the next Send or TrySend (rule 15).
	TrySend(p []byte) (n int)

	// Unsent is how many bytes of the Send in flight the system has not taken
	// yet, as far as the backend can see. With no Send in flight it is what a layer has
	// still to send of its own: an end, say.
	Unsent() int

	// Shutdown ends the sending side once what was sent is out: the peer reads
	// EOF. Receiving goes on. To call it again says nothing new. It does nothing
	// on an [Indivisible].
	Shutdown()

	// Reset closes as Close does, but drops what the system has not sent yet
	// and tells the peer that the connection was reset (RFC 9293, 3.10.5).
	Reset()
}

// A Packet is a datagram socket. It opens stopped.
type Packet interface {
	Socket

	// Send sends ms in order and reports whether it is done with them, with the
	// same rules as Stream.Send. On a connected socket Peer may be left zero.
	// Neighbours of one size to one peer may leave as one run; the last of it may
	// be shorter. Who receives them cannot tell.
	Send(ms []Message) (done bool)

	// Connect fixes the peer. Send may leave it out, and only its datagrams are
	// received, also of those that had arrived before. The zero Addr dissolves that.
	Connect(peer Addr) error

	// Peer is the address the socket is connected to, or the zero Addr.
	Peer() Addr

	// Join and Leave change which multicast groups the socket receives.
	Join(m Membership) error
	Leave(m Membership) error
}

// A Watch reports the readiness of a descriptor that someone else owns.
type Watch interface {
	// Set changes what is watched for; 0 pauses.
	Set(ev Events) error

	// Close stops watching. The descriptor stays open; Closed is the last
	// upcall, but no readiness is reported once Close was called.
	Close()
}

// An Acceptor owns a listening socket.
type Acceptor interface {
	// Accepted hands over a connection and returns who owns it; nil closes it. It runs
	// no code of users. Connected of the owner follows, unless s was closed: that is
	// where code of users runs, so that what goes wrong there has an owner (rule 11).
	Accepted(s Stream) StreamHandler

	// Failed says that the system could not give out a connection, for want of
	// descriptors say. The listener has stopped; Start tries again.
	Failed(err error)

	Closed()
}

// A StreamHandler owns a stream.
type StreamHandler interface {
	// Connected is called once, as the first upcall, for a stream that was accepted or
	// dialed, or made by a Layer, and not closed before: with nil right after Accepted,
	// or when a dial has ended, or when the layer is ready. After an error the stream is
	// only to be closed.
	Connected(err error)

	// Received hands over what arrived. p is valid until it returns. An error comes
	// with no data, and last. io.EOF is an orderly end. Only the loss of the connection
	// may follow it, which is told while the stream is stopped, too (rule 12).
	Received(p []byte, err error)

	// Sent completes the Send that was not done.
	Sent(err error)

	Closed()
}

// A PacketHandler owns a packet socket.
type PacketHandler interface {
	// Received hands over datagrams. They are valid until it returns. An error
	// comes alone and ends nothing. One that came back for a datagram is a
	// *PeerError.
	Received(ms []Message, err error)

	// Sent completes the Send that was not done. n messages went out, and err, if
	// there is one, is what the system said of message n. The rest was not tried.
	// Without an error that is because the system has no room: n is not 0 then, and
	// the next Send waits for room. If message n is a run (Message.Segment), some of
	// its datagrams may have gone out.
	Sent(n int, err error)

	Closed()
}

// A WatchHandler owns a Watch.
type WatchHandler interface {
	Ready(ev Events)
	Closed()
}
