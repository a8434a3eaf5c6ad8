package stream

import (
	"io"
	"net"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Conn is a connection: of TCP, of a unix-domain socket, or of what else can be a
// stream. Its methods belong to the loop's goroutine, and
// are called after OnClose only to be told net.ErrClosed. An open connection keeps the
// loop running, unless Unref was called.
type Conn struct {
	loop.Base
	streams uint16 // of the poller, that have not said Closed
	state   state
	s       poller.Stream
	share   *origin
	out     *output // nil while nothing is queued
	more    *rarely // nil for most connections

	// OnRead is called with what has arrived. p belongs to the loop and is
	// overwritten when OnRead returns. Without OnRead nothing is read: what arrives stays
	// with the system, and the peer's end is seen only if nothing is before it. With OnEOF
	// alone up to 64 KiB are read and kept, so that the end behind them is seen. OnRead may
	// be set at any time, which is noticed at the end of the loop's turn; where more than 64
	// connections of a loop have none, the older of them are looked at every 250 ms, and
	// ResumeRead says it at once. [Discard] drops what arrives.
	OnRead func(c *Conn, p []byte)

	// OnEOF is called once when the peer has ended its side: nothing more will
	// arrive, but the connection can be written to until Close or CloseWrite. What arrived
	// before that and nobody has read is kept for an OnRead that is set later.
	// Without OnEOF the connection is closed, its output sent first, and the
	// reason is io.EOF.
	OnEOF func(c *Conn)

	// OnWrite is called when all that was written has been handed to the
	// system: the time to write more.
	OnWrite func(c *Conn)

	// OnClose is called once and last. err is io.EOF where the peer ended and
	// OnEOF is not set; nil after Close, and where OnEOF is set and both sides
	// have ended; ErrAborted after Abort, or where CloseNow dropped something; and
	// else what went wrong: errors.Is(err, syscall.ECONNRESET) where the peer
	// reset the connection, os.ErrDeadlineExceeded where a timeout has passed or
	// Close could not send everything in time, ErrQueueLimit where too much was
	// queued. The package comment has them all. Where output was lost err wraps a
	// LossError.
	OnClose func(c *Conn, err error)

	// Context is the user's own.
	Context any
}

// Discard is an OnRead that drops what arrives: for a connection that only writes and
// yet wants to see the peer's end.
func Discard(*Conn, []byte) {}

// ErrAborted is the reason of a connection that Abort has closed; it is a
// net.ErrClosed.
var ErrAborted error = aborted{}

type aborted struct{}

func (aborted) Error() string { return "connection aborted" }
func (aborted) Unwrap() error { return net.ErrClosed }

// state is what has happened to a connection.
type state uint32

const (
	connecting  state = 1 << iota
	paused            // PauseRead
	readEnded         // EOF, or an error of the receiving side
	sendFailed        // the sending side has had an error; out is gone
	writeEnded        // CloseWrite
	finSent           // the peer has been told
	draining          // Close, with output still queued
	finished          // the poller has been told to close
	inUpcall          // output is flushed when the upcall ends
	deferred          // output is flushed by the loop
	holding           // the loop is held until out is empty
	wrote             // OnWrite is owed
	spoken            // something was written
	lingering         // all is sent, and the peer not done; see linger
	endedByPeer       // the reason of OnClose is io.EOF
	high              // OnHigh was called; OnLow is to come
	over              // more is queued than the connection's QueueLimit
	held              // reading waits, as that is so
	heldByLoop        // reading waits, as more is queued than the loop's QueueLimit
	owed              // OnExceeded of the connection's limit is to be called
	owedByLoop        // OnExceeded of the loop's limit is to be called
	timed             // there are timeouts; more is there
	piped             // Join has the callbacks
	silent            // is in shared.unheard
	unready           // a layer is not ready yet; see layering
)

// rarely is what most connections do without.
type rarely struct {
	drain   time.Duration // of this connection, instead of the default
	err     error         // the reason of OnClose, where it is not the peer's end
	linger  loop.Timeout
	unsent  int           // when linger was armed last, what is not acknowledged included
	moved   poller.Time   // when the peer last took something, as far as we have looked; see also silence
	wait    time.Duration // between looks, while lingering
	until   poller.Time   // the end of lingering that only listens; see silence
	dialing *dialing
	c       *Conn

	layering *layering // while a layer gets ready, that of a dial apart

	// With timeouts; linger is theirs until the connection is closing.
	read     poller.Time // when something arrived last
	reading  poller.Time // when reading began, or went on, last
	deadline poller.Time // of SetReadDeadline; 0 is none
	sent     poller.Time // when the system took something last
	written  int         // bytes so far
	acked    int         // what acknowledged was when it was looked at last
	left     int         // what the peer had to take then; at least 1 if something was written since
	late     uint64      // the turn in which a timeout was found to have passed, plus one
	awaited  int         // bytes that had arrived by then and were not received
	counts   bool        // awaited does
	slow     bool        // left is more than 0 since the last look but one

	unread []byte // was received when there was no OnRead
	end    error  // came behind that
}

// lp is the loop as makers of handles see it.
func (c *Conn) lp() *loop.Maker { return c.Loop().Maker() }

func newConn(share *origin, drain time.Duration, s poller.Stream) *Conn {
	c := &Conn{share: share, s: s, streams: 1}
	if drain != defaultDrainTimeout {
		c.rare().drain = drain
	}
	return c
}

func (c *Conn) rare() *rarely {
	if c.more == nil {
		c.more = &rarely{c: c, drain: defaultDrainTimeout}
		c.more.linger.Init(c.more)
	}
	return c.more
}

func (c *Conn) is(s state) bool { return c.state&s != 0 }

// RemoteAddr is the address of the peer, also after OnClose, when that of a unix-domain
// socket is the zero Addr.
func (c *Conn) RemoteAddr() poller.Addr {
	if c.lp().Check("stream.Conn.RemoteAddr") != nil {
		return poller.Addr{}
	}
	if c.s == nil {
		return poller.Addr{}
	}
	return c.s.Peer()
}

// LocalAddr is the address of this end; the zero Addr once the connection
// is closed.
func (c *Conn) LocalAddr() poller.Addr {
	if c.lp().Check("stream.Conn.LocalAddr") != nil {
		return poller.Addr{}
	}
	if c.s == nil {
		return poller.Addr{}
	}
	return c.s.Addr()
}

// Readable reports whether OnRead or OnEOF can still be called: the connection
// is made, the peer has not ended, and Close was not called. A pause does not
// count.
func (c *Conn) Readable() bool {
	return !c.Closing() && !c.is(connecting|readEnded)
}

// Writable reports whether Write would be accepted.
func (c *Conn) Writable() bool { return c.writable() == nil }

// PauseRead stops OnRead, at once: what arrives stays with the system, whose
// flow control then slows the peer down. EOF waits too. That the connection is gone is
// told as soon as the system says so, if nothing that arrived is before it; else it waits
// until that has been read, and Write is syscall.EPIPE once it has found out. On Windows,
// where the peer had ended before, it may take a fifth of a second and more.
func (c *Conn) PauseRead() error {
	if err := c.lp().Check("stream.Conn.PauseRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", net.ErrClosed)
	}
	c.state |= paused
	if c.s != nil {
		c.s.Stop()
	}
	return nil
}

// ResumeRead undoes PauseRead. OnRead follows from the loop. On a connection that is not
// paused it says that OnRead was set.
func (c *Conn) ResumeRead() error {
	if err := c.lp().Check("stream.Conn.ResumeRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", net.ErrClosed)
	}
	if c.is(paused) {
		c.state &^= paused
		c.startRead()
	} else if c.is(silent) {
		c.startRead()
	}
	return nil
}

// fail is the error of an operation on c.
func (c *Conn) fail(op string, err error) error {
	return netop.Error(op, c.share.network, c.LocalAddr(), c.RemoteAddr(), err)
}

// enter and exit enclose an upcall, in which what is written waits to be sent
// at once.
func (c *Conn) enter() { c.state |= inUpcall }

func (c *Conn) exit() {
	c.state &^= inUpcall
	if c.out != nil || c.is(wrote|writeEnded) {
		c.flush()
	}
}

// begin is the end of the callback that made the connection known to its user.
func (c *Conn) begin() {
	c.exit()
	if !c.Closing() && (c.share.timeouts() || c.more != nil && c.more.deadline != 0) {
		c.keepTime()
	}
	c.startRead()
}

// startRead has the poller deliver, unless something is against it.
func (c *Conn) startRead() {
	if c.Closing() || c.is(connecting|unready|paused|held|heldByLoop) || c.is(readEnded) && !c.keeps() {
		return
	}
	if c.OnRead == nil {
		c.await()
		return
	}
	if c.is(timed) {
		c.more.resumed()
	}
	if c.keeps() { // first
		if !c.is(deferred) {
			c.state |= deferred
			c.lp().Defer((*upcalls)(c))
		}
		return
	}
	c.s.Start()
}

// upcalls keeps the poller's and the loop's upcalls out of Conn's own methods.
type upcalls Conn

// Connected is when an accepted stream can be used, or one that StartLayer has made. The handler
// of a dialed one is an attempt.
func (u *upcalls) Connected(err error) {
	c := (*Conn)(u)
	switch {
	case c.unready():
		c.layered(err)
	case err != nil:
		c.abandon(c.fail("accept", err))
	default:
		c.accept()
	}
}

// accept gives c to OnAccept.
func (c *Conn) accept() {
	ln := c.share.ln
	if ln.OnAccept == nil { // taken away since
		c.abandon(c.fail("accept", ErrAborted))
		return
	}
	ln.stats.Accepted++
	c.enter()
	c.call(ln.OnAccept)
	c.begin()
}

// Prefetch loads both ends of the connection, and if there is output what it and the
// stream begin with.
func (u *upcalls) Prefetch() byte {
	sum := byte(u.state)
	if u.OnRead != nil {
		sum++
	}
	if u.out != nil {
		sum += byte(u.out.flight) + u.out.small[0]
		if s, ok := u.s.(poller.Prefetcher); ok {
			sum += s.Prefetch()
		}
	}
	return sum
}

func (u *upcalls) Received(p []byte, err error) {
	c := (*Conn)(u)
	if err != nil {
		if c.keeps() && !c.Closing() && !(err == io.EOF && c.hearsEnd()) { // that comes first
			if c.more.end = err; err != io.EOF {
				c.leaveAlone()
			}
			return
		}
		c.endRead(err)
		return
	}
	if c.is(timed) {
		c.more.read = c.now()
		c.more.awaited -= len(p)
	}
	if c.Closing() {
		c.heard()
		return
	}
	if c.OnRead == nil || c.keeps() { // what was kept comes first
		c.keepUnread(p)
		return
	}
	c.enter()
	if lp := c.lp(); lp.Guarded() { // as Call does, which is not inlined and is felt here
		lp.Call(c, func() { c.OnRead(c, p) })
	} else {
		c.OnRead(c, p)
	}
	c.exit()
	if c.OnRead == nil {
		c.startRead()
	}
}

// call runs a callback.
func (c *Conn) call(fn func(*Conn)) { c.lp().Call(c, func() { fn(c) }) }

// done tells how a WriteBuffers ended.
func (c *Conn) done(fn func(error), err error) {
	c.lp().Call(c, func() { fn(err) })
}

func (u *upcalls) Sent(err error) {
	c := (*Conn)(u)
	if err != nil {
		c.sendFailed(err)
		return
	}
	c.progressed()
	c.enter()
	c.out.landed(nil, c)
	c.state = c.state&^inUpcall | wrote
	c.flush()
}

func (u *upcalls) Closed() {
	c := (*Conn)(u)
	c.streams--
	c.ended()
}

// ended has the loop make the last callback when nothing is with the poller.
func (c *Conn) ended() {
	if c.streams == 0 && c.Closing() {
		c.lp().EndClose(c, (*upcalls)(c))
	}
}

// Finished makes the last callbacks.
func (u *upcalls) Finished() {
	c := (*Conn)(u)
	if c.more != nil {
		c.more.stop()
		if d := c.more.dialing; d != nil { // closed before it was made
			c.connected(d.error(net.ErrClosed))
		}
		c.stopLayering()
	}
	var err error
	if c.out != nil { // else nobody is told it, and to make it costs as much as the connection
		err = c.lost()
	}
	c.drop(err)
	c.forget()
	if c.share.ln != nil {
		c.share.ln.left()
	}
	if c.OnClose == nil {
		return
	}
	c.lp().Call(c, func() { c.OnClose(c, c.reason()) })
}

// reason is what OnClose is told.
func (c *Conn) reason() error {
	switch {
	case c.more != nil && c.more.err != nil:
		return c.more.err
	case c.is(endedByPeer):
		return io.EOF
	}
	return nil
}

// lost is what happened to output that was not sent.
func (c *Conn) lost() error {
	if c.more != nil && c.more.err != nil {
		return c.more.err
	}
	return c.fail("write", net.ErrClosed)
}
