// Package stream has the connections and listeners of every network: a Conn is the same over
// TCP, over a unix-domain socket, and over what a layer has put on one. Packages tcp, unix and pipe
// open them, by Listen and Dial. tcp.Conn and unix.Conn are [Conn] under another name, and so
// are their Listener and Options, so the methods of all are documented here.
//
//	ln, err := tcp.Listen(lp, "127.0.0.1:7000", nil)
//	ln.OnAccept = func(c *tcp.Conn) {
//		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
//		c.OnClose = func(c *tcp.Conn, err error) { ... }
//	}
//
//	tcp.Dial(lp, "example.com:80", nil, func(c *tcp.Conn, err error) {
//		if err != nil { ... }
//		c.Write([]byte("HEAD / HTTP/1.0\r\n\r\n"))
//	})
//
// Callbacks are fields, set in OnAccept or in the function given to Dial and
// changed at will. They are called by the loop and never from inside a call to
// this package. Each takes its connection, so that one function can serve all.
//
// # Writing
//
// Write queues and returns. What a callback writes to its own connection is sent when the
// callback ends, and what it writes to others at the end of the loop's turn: ten Writes are
// one system call. A large Write goes to the system at once as far as that takes it, and
// only the rest is copied.
//
// # Other goroutines
//
// [Conn.AsyncWrite] writes from any goroutine, and [Conn.Post] brings a function from there to
// the loop, unless the connection has gone by then. What one goroutine hands over, by these and by
// Loop.Post, comes in the same order. However much it is, the loop is woken once, and what
// it finds to be written to a connection is one system call.
//
//	go func() {
//		answer := compute(question)
//		if err := c.AsyncWrite(answer); err != nil { ... } // it has gone meanwhile
//		c.Post(func(c *stream.Conn) { c.Close() })            // after the answer
//	}()
//
// # Backpressure
//
// Write takes everything, unless a [QueueLimit] bounds what may be queued: by
// default none does. Whoever writes to a peer that may not read looks at [Conn.Buffered], waits
// for OnWrite, or has [Watermarks] tell when much is queued and when that is gone;
// PauseRead slows down whoever causes the output. [Join] does all this between two
// connections.
//
// What is queued takes less memory than four times its bytes. To that come 2 KiB for each
// connection that has something queued, some 100 bytes for each of the caller's own buffers,
// and 1 MiB at most of what the system is being given. A loop keeps some of that memory for later
// use. In quiet times it goes back to the heap, within some seconds all but about half a MiB.
//
// # Timeouts
//
// Options.IdleTimeout, ReadTimeout and WriteTimeout end connections on which
// nothing moves, of all that a listener accepts or one by one; a
// [Conn.SetReadDeadline] bounds a whole request. The reason is os.ErrDeadlineExceeded. They are off
// by default.
//
// # Ending
//
// A connection ends once in OnClose, its last callback. Close sends what is queued
// first; Abort does not. When the peer has ended its side OnEOF is called, and the
// connection can still be written to (half-close, RFC 9293, 3.6); without OnEOF it closes.
// CloseWrite ends this side, and reading goes on. When both sides have ended the connection
// closes by itself.
//
// OnClose is called exactly once for each connection, and its reason can be
// tested:
//
//	what has ended the connection                      errors.Is(err, ...)
//	Close, or CloseWrite and the peer's end            nil
//	CloseNow with nothing queued, NetConn              nil
//	the peer's end, without OnEOF                      io.EOF
//	CloseNow with output queued; Abort                 ErrAborted
//	a callback that panicked (loop.Options.OnPanic)    ErrAborted
//	Close, and the peer took nothing for DrainTimeout  os.ErrDeadlineExceeded
//	a timeout of the connection                        os.ErrDeadlineExceeded
//	more was queued than a QueueLimit allows           ErrQueueLimit
//	more was unread than ReadLimit allows              ErrReadLimit
//	CloseWithError                                     what it was given
//	Loop.Shutdown, when its time was over              loop.ErrShutdown
//	Loop.Close                                         as CloseNow
//	the peer reset it                                  syscall.ECONNRESET
//	the peer reset it, found out by sending            syscall.ECONNRESET, or EPIPE
//	a peer that is gone without a word                 syscall.ETIMEDOUT
//	a dial that failed                                 what Dial's function was told
//	a layer that did not get ready                     what StartLayer's function was told
//	Close or CloseNow of a dial, output queued         net.ErrClosed
//	the same, nothing queued                           nil
//
// ErrAborted and loop.ErrShutdown are net.ErrClosed as well. Where output was lost
// the reason wraps a [LossError], which errors.As finds: it says how many bytes were not
// sent, and how many not acknowledged. All but io.EOF are [net.OpError] values with the
// addresses.
//
// # Accepting
//
// A listener may have limits: Options.MaxConns, AcceptRate and AcceptPolicy. They can be
// changed later. Connections beyond them wait in the system's backlog, or are refused.
// Pause and Resume are the same by hand, and [Listener.Metrics] counts. A
// process that is out of descriptors closes nobody: the listener tries again, and
// connections wait.
//
// # Layers
//
// A layer goes between a connection and its socket, for encryption say, or for a header before
// the first byte. Options.Layer puts one on what a listener accepts, or on what is dialed. OnAccept,
// and the function given to Dial, are then called when it is ready. A connection whose layer does not
// get ready is told to [Listener.OnError], and Metrics count it. [Conn.StartLayer] puts a layer on a
// connection that is open, as STARTTLS does.
//
// All else is as without a layer: limits, timeouts, Join, Shutdown. What counts is what the program
// reads and writes; only what the peer has not acknowledged is counted below the layer. After Close
// a layer has a second for what it says last. Package stream/layer is for writing layers.
//
// # Shutting down
//
// Loop.Shutdown closes listeners, lets connections end, and cuts off those that do not
// end in time. [Listener.OnShutdown] is called for each connection when it begins.
package stream

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Options are what listeners and connections are opened with. A nil *Options is
// all defaults. A listener's apply to what it accepts as well.
type Options struct {
	// Backlog is how many connections may wait to be accepted; 0 is as many as
	// the system allows.
	Backlog int

	// MaxConns is how many connections of a listener may be open at a time, those
	// that close included; 0 is no limit. AcceptPolicy says what becomes of more.
	MaxConns int

	// AcceptRate is how many connections a second a listener accepts in the long run; 0 is
	// no limit. AcceptBurst is how many it may accept at once after a time in which fewer
	// came; 0 is what the rate gives in a second, and 1 at least.
	AcceptRate  float64
	AcceptBurst int

	// AcceptPolicy is what a listener does with connections beyond these limits;
	// the default is LeaveInBacklog.
	AcceptPolicy AcceptPolicy

	// NoReuseAddr leaves SO_REUSEADDR off; on unix it is on for listeners, so
	// that a server can restart while old connections are in TIME_WAIT.
	NoReuseAddr bool

	// ReuseAddr lets a dialed connection have a LocalAddr whose port is not free: others
	// that were dialed with ReuseAddr may have it, or connections in TIME_WAIT. Listen does
	// not look at it; see NoReuseAddr.
	ReuseAddr bool

	// Spread is how a listener of a group (ListenGroup) divides connections among the loops.
	Spread Spread

	// ReusePort lets several listeners share an address, each with its share of
	// the connections, and dialed connections their LocalAddr (SO_REUSEPORT).
	// errors.ErrUnsupported where the system does not spread what listeners get.
	ReusePort bool

	// V6Only keeps a listener on an IPv6 address from taking IPv4 connections.
	V6Only bool

	// Delay leaves Nagle's algorithm on. As in package net it is off.
	Delay bool

	// KeepAlive is how long a connection is idle before the system probes the
	// peer, and between probes; 0 is 15 s as in package net, negative is never. More
	// than 32,767 s, which is 9.1 hours, no system takes.
	KeepAlive time.Duration

	// KeepAliveConfig, if it is enabled, takes the place of KeepAlive, and has the number of
	// probes too. As in package net 0 is 15 s, 15 s and 9 probes, and what is negative is
	// left to the system. The most is 32,767 s and 127 probes. Where sockets have no such
	// options (OpenBSD) asking for one is errors.ErrUnsupported.
	KeepAliveConfig net.KeepAliveConfig

	// Control, if set, is called for each socket when it has these options, and before it is
	// bound, listens or connects: for SO_MARK, SO_BINDTODEVICE, TCP_FASTOPEN and the like, as
	// that of net.ListenConfig. network is "tcp4" or "tcp6", address is the one to listen on
	// or to dial. Listen calls it at once; for Dial the loop calls it, for each address that
	// is tried. Of c only Control works, and only until Control returns. An error of it is the
	// error of the call, or of the attempt.
	//
	// A connection that was dialed with Control costs a little more, as does one whose
	// descriptor SyscallConn has given away. The simulator has no descriptors: there Control is
	// errors.ErrUnsupported.
	Control func(network, address string, c syscall.RawConn) error

	// UserTimeout is when the system ends a connection whose peer has not acknowledged what
	// was sent, or has had no room for it, for so long; see [Conn.SetUserTimeout]. 0 leaves it
	// to the system.
	UserTimeout time.Duration

	// ReadBuffer and WriteBuffer are the sizes of the system's buffers, in bytes; 0 leaves them to
	// the system.
	ReadBuffer  int
	WriteBuffer int

	// LocalAddr is the address to dial from; zero leaves it to the system. With a port only
	// one of a name's addresses can be tried at a time. Each of them has AttemptDelay, if
	// that is set. Else each has its share of Timeout, but 2 s at least, and 2 s if there is
	// no Timeout. The last has what is left.
	LocalAddr netip.AddrPort

	// Timeout bounds Dial as a whole, with the resolving of a name and the handshake of a
	// Layer; 0 leaves it to the system.
	Timeout time.Duration

	// Layer, if set, is what the connection goes through, encryption say. OnAccept, and the
	// function given to Dial, are called when it is ready. If Dial tries several addresses, only
	// the one that is connected first gets the layer. For AdoptConn it is os.ErrInvalid: there is
	// [Conn.StartLayer].
	Layer poller.Layer

	// LayerTimeout is how long a connection that was accepted may take until its layer is
	// ready. After that it is closed, and Listener.OnError is called. 0 is 10 s, negative is no
	// bound. A Dial has its Timeout.
	LayerTimeout time.Duration

	// MaxLayering is how many connections of a listener may wait for their layer at a time; more
	// wait in the backlog. 0 is no limit. MaxConns counts them, too.
	MaxLayering int

	// DrainTimeout bounds how long Close waits for a peer that takes nothing of what is left:
	// the peer takes what it acknowledges, or, where the backend cannot tell that, what the
	// system takes. The peer is looked at four times within that time, so that the wait may be
	// a quarter longer. 0 is 30 s, negative is no bound.
	DrainTimeout time.Duration

	// IdleTimeout ends a connection on which nothing has been received, and the peer has
	// taken nothing, for so long; see [Conn.SetIdleTimeout]. 0 is no bound, as it is for
	// ReadTimeout and WriteTimeout.
	IdleTimeout time.Duration

	// ReadTimeout ends a connection that reads and has received nothing for so
	// long; see [Conn.SetReadTimeout].
	ReadTimeout time.Duration

	// WriteTimeout ends a connection whose peer has something to take, and has taken
	// nothing for so long; see [Conn.SetWriteTimeout].
	WriteTimeout time.Duration

	// Watermarks tell when a connection has much queued; see the type.
	Watermarks *Watermarks

	// QueueLimit bounds what a connection may have queued; nil is no bound. See
	// also [SetLoopLimit].
	QueueLimit *QueueLimit

	// ReadLimit bounds what OnRead may leave unread while it waits for more, in bytes; see
	// [Conn.Unread]. More is the end of the connection, and ErrReadLimit the reason. 0 is 1 MiB,
	// negative is no bound. One read of up to 64 KiB may come to that.
	ReadLimit int

	// AttemptDelay is how long Dial waits for one of several addresses before it tries the
	// next one as well (RFC 8305, 5). 0 is the 250 ms of the RFC; the least is 10 ms.
	AttemptDelay time.Duration
}

const defaultDrainTimeout = 30 * time.Second

func (o *Options) drainTimeout() time.Duration {
	if o == nil {
		return defaultDrainTimeout
	}
	return drainTimeout(o.DrainTimeout)
}

// drainTimeout is the bound that users mean by d; 0 is none.
func drainTimeout(d time.Duration) time.Duration {
	if d == 0 {
		return defaultDrainTimeout
	}
	return max(d, 0)
}

// socket is the poller's part of o.
func (o *Options) socket() *poller.Options {
	if o == nil {
		return nil
	}
	return &poller.Options{
		Backlog: o.Backlog, NoReuseAddr: o.NoReuseAddr, ReusePort: o.ReusePort, V6Only: o.V6Only,
		Delay: o.Delay, KeepAlive: o.KeepAlive, UserTimeout: o.UserTimeout, RecvBuffer: o.ReadBuffer, SendBuffer: o.WriteBuffer,
		Local: poller.AddrOf(o.LocalAddr), ReuseAddr: o.ReuseAddr, KeepAliveConfig: o.KeepAliveConfig,
	}
}

// shared is what the connections of a loop share.
type shared struct {
	latest     *conf     // that was asked for
	busy       []*output // that connections have
	lp         *loop.Loop
	spare      []*output // that no connection has
	leastSpare int       // how few of those there were since the last look
	chunks     chunks
	look       loop.Timeout // when to give memory back; see keepLess
	queued     int          // bytes in all busy outputs
	loopLimit  *QueueLimit  // of those bytes
	over       bool         // more is queued than loopLimit allows
	waiting    []*Conn      // that do not read, because of that
	lent       lent         // to the OnRead that runs
	left       left         // by that
	inputs     []*input     // that no connection has
	unheard    unheard
}

type sharedKey struct{}

func sharedOf(lp *loop.Loop) *shared {
	return lp.Maker().Local(sharedKey{}, func() any {
		return &shared{lp: lp}
	}).(*shared)
}

// errInvalid is the error of a misuse that the caller can mend.
var errInvalid = os.ErrInvalid
