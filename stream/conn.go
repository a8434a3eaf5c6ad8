package stream

import (
	"net"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Conn is a connection: of TCP, of a unix-domain socket, or of what else can be a stream. Its methods
// belong to the loop's goroutine, but for Post and AsyncWrite. After OnClose they do nothing, and their
// error is net.ErrClosed. An open connection keeps the loop running, unless Unref was called.
type Conn struct {
	loop.Base
	streams uint16 // of the poller that have not said Closed; a dial may have several
	life    life
	writes  writes
	stops   readStops
	debts   debts
	excess  excess
	marks   marks
	s       poller.Stream
	conf    *conf
	out     *output // nil while nothing is queued
	rare    *rare   // nil for most connections

	// OnRead is called with what has arrived. p belongs to the loop and is
	// overwritten when OnRead returns. [Discard] drops what arrives.
	//
	// Without OnRead nothing is read: what arrives stays with the system, and the peer's
	// end is seen only if nothing is before it. With OnEOF alone up to 64 KiB are read and
	// kept, so that the end behind them is seen.
	//
	// OnRead may be set at any time. The loop notices that at the end of its turn. Where
	// more than 64 connections of a loop have no OnRead, it looks at the older ones every
	// 250 ms only; ResumeRead tells it at once.
	OnRead func(c *Conn, p []byte)

	// OnEOF is called once when the peer has ended its side: nothing more will
	// arrive, but the connection can be written to until Close or CloseWrite. What had
	// arrived before that, and was not read, is kept for an OnRead that is set later.
	// Without OnEOF the connection closes when its output is sent, and the reason is
	// io.EOF.
	OnEOF func(c *Conn)

	// OnWrite is called when the system has taken all that was written: it is the
	// time to write more.
	OnWrite func(c *Conn)

	// OnClose is called once and last. err is the reason, which errors.Is tests: io.EOF
	// where the peer ended and OnEOF is not set; nil after Close, and where OnEOF is set and
	// both sides have ended; ErrAborted after Abort, or where CloseNow dropped something;
	// syscall.ECONNRESET where the peer reset the connection; os.ErrDeadlineExceeded where a
	// timeout has passed, or Close could not send everything in time; ErrQueueLimit where too
	// much was queued. The package comment has them all. Where output was lost err wraps a
	// LossError.
	OnClose func(c *Conn, err error)

	// Context is the user's own.
	Context any
}

// Discard is an OnRead that drops what arrives. It is for a connection that only writes, and
// wants to see the peer's end.
func Discard(*Conn, []byte) {}

// ErrAborted is the reason of a connection that Abort has closed; it is a
// net.ErrClosed.
var ErrAborted error = aborted{}

type aborted struct{}

func (aborted) Error() string { return "connection aborted" }
func (aborted) Unwrap() error { return net.ErrClosed }

// A rare is what most connections do without. Each part of it is there for as long as it is
// needed.
type rare struct {
	drain    time.Duration // DrainTimeout of this connection
	err      error         // the reason of OnClose, where it is not the peer's end
	dialing  *dialing      // until the connection is made
	layering *layering     // while a layer gets ready, but that of a dial
	clock    *clock        // while it is open and has timeouts
	closing  *closing      // while it drains or lingers
	in       *input        // while something is unread
	passing  *passing      // from when it passes files, or takes some
	moving   *moving       // from MoveTo until it is somewhere else, or not
}

// lp is the loop as makers of handles see it.
func (c *Conn) lp() *loop.Maker { return c.Loop().Maker() }

func newConn(o *conf, drain time.Duration, s poller.Stream) *Conn {
	c := &Conn{conf: o, s: s, streams: 1, life: open}
	if drain != defaultDrainTimeout {
		c.makeRare().drain = drain
	}
	return c
}

// makeRare is c.rare, which is made if there is none.
func (c *Conn) makeRare() *rare {
	if c.rare == nil {
		c.rare = &rare{drain: defaultDrainTimeout}
	}
	return c.rare
}

// RemoteAddr is the address of the peer. It can be asked for after OnClose too; that of a
// unix-domain socket is the zero Addr then.
func (c *Conn) RemoteAddr() poller.Addr {
	if c.lp().Check("stream.Conn.RemoteAddr") != nil {
		return poller.Addr{}
	}
	if c.s == nil {
		return poller.Addr{}
	}
	return c.s.Peer()
}

// LocalAddr is the address of this end. Once the connection is closed it is the zero
// Addr.
func (c *Conn) LocalAddr() poller.Addr {
	if c.lp().Check("stream.Conn.LocalAddr") != nil {
		return poller.Addr{}
	}
	if c.s == nil {
		return poller.Addr{}
	}
	return c.s.Addr()
}

// Readable reports whether something can still arrive, or OnEOF be called: the connection
// is made, the peer has not ended, and Close was not called. A pause does not
// count. In the last OnRead, which is given what was unread when the peer ended, it is false.
func (c *Conn) Readable() bool {
	in := c.input()
	return (c.life == open || c.life == shaking) && !c.is(readEnded) && (in == nil || !in.last)
}

// Writable reports whether Write would be accepted.
func (c *Conn) Writable() bool { return c.writable() == nil }

// PauseRead stops OnRead, at once: what arrives stays with the system, whose
// flow control then slows the peer down. The peer's end waits too.
//
// That the connection is gone is told as soon as the system says so, if all that arrived
// before has been read. Else it waits until that has been read; a Write may find it out
// earlier, and those that follow are syscall.EPIPE. On Windows it may take a fifth of a second
// and more, where the peer had ended before.
func (c *Conn) PauseRead() error {
	if err := c.lp().Check("stream.Conn.PauseRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", net.ErrClosed)
	}
	c.stops |= stopByUser
	if c.s != nil {
		c.s.Stop()
	}
	return nil
}

// ResumeRead undoes PauseRead. OnRead is called later, from the loop. On a connection that
// is not paused ResumeRead tells the loop that OnRead was set. In both cases OnRead is given what
// is unread, although nothing more may have come; see [Conn.Unread].
func (c *Conn) ResumeRead() error {
	if err := c.lp().Check("stream.Conn.ResumeRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", net.ErrClosed)
	}
	if c.stops&stopByUser != 0 || c.is(noReader) {
		c.goOn(stopByUser)
	} else if in := c.input(); in != nil && !c.is(lending) && c.OnRead != nil {
		c.presentLater(in)
	}
	return nil
}

// goOn is the end of a pause.
func (c *Conn) goOn(why readStops) {
	c.stops &^= why
	if c.is(lending) {
		c.leave().again = true
	}
	c.startRead()
}

// fail is the error of an operation on c.
func (c *Conn) fail(op string, err error) error {
	return netop.Error(op, c.conf.network, c.LocalAddr(), c.RemoteAddr(), err)
}

// begin follows the callback that has made the connection known to its user.
func (c *Conn) begin() {
	if !c.Closing() && (c.conf.timeouts() || c.clock() != nil) {
		c.startClock()
	}
	c.startRead()
}

// startRead has the poller deliver, unless something is against it.
func (c *Conn) startRead() {
	if c.life != open || c.stopped() || c.is(readEnded) && c.input() == nil {
		return
	}
	if c.OnRead == nil {
		c.await()
		return
	}
	if k := c.clock(); k != nil {
		k.resumed()
	}
	if in := c.input(); in != nil && c.presentLater(in) { // what is unread comes first
		return
	}
	c.s.Start()
}
