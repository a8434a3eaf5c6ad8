// Package netconn makes net.Conn and net.Listener of what is on a loop, for code that blocks on
// goroutines of its own: net/http, gRPC, a driver of a database, crypto/tls.
//
//	ln, err := tcp.Listen(lp, "127.0.0.1:8080", nil)
//	nl := netconn.Listen(ln)
//	go http.Serve(nl, handler)
//	lp.Run()
//
// The loop reads and writes for all of these goroutines, and hands over what they read and write. What
// the loop's owner sets holds for them too: limits of accepting, timeouts, options, a layer.
//
// [Wrap] and [Listen] belong to the loop's goroutine; the methods of what they return to every other, as many
// at once as like. They must not be called on the loop's goroutine, which Read, Write and
// Accept would stop for ever.
//
// # As package net
//
// Errors are *net.OpError with the addresses, but for io.EOF, and errors.Is tells in them what it tells in
// those of package net: net.ErrClosed after Close, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE. What
// only a loop can do to a connection is told by Read and Write as OnClose would tell
// it: loop.ErrShutdown and [stream.ErrAborted], which are net.ErrClosed, [stream.ErrQueueLimit], or
// os.ErrDeadlineExceeded of a timeout. Bytes that arrived before are read first. Deadlines are of real time.
//
// # Memory and backpressure
//
// A Read that waits is given what arrives at once, and holds no other memory. What arrives while nobody reads is
// kept, up to [ReadMost] bytes, and then reading pauses, so that the peer is slowed down. A small Write is
// copied and returns; a larger one returns when the connection has taken the last of it, which it
// does while less than [WriteMost] bytes are queued. A [stream.QueueLimit] of less than [WriteMost] would end the connection.
//
// Close sends what was written; see [stream.Conn.Close]. A loop that is stopped leaves who waits waiting until it
// runs again or is closed, as nobody has ended the connection. Loop.Close drops what the loop has not
// taken yet, as it does all output.
//
// # In the simulator
//
// A simulated world stays deterministic if the goroutines are jobs of loop.Work, one job for each: they wait in
// Read, Write and Accept as everywhere. Goroutines that jobs start are not in the world's order, so http.Server is not for
// there. A deadline that is still to come is errors.ErrUnsupported, as a world has no real
// time; one that is past, and none, can be set.
package netconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"example.com/pike/poller"
	"example.com/pike/stream"
)

// How much is between the goroutines and the peer, in bytes.
const (
	// ReadMost is the most that a connection keeps of what arrived and nobody has read: what
	// it pauses at, and what one more OnRead may bring.
	ReadMost = pauseAt + 64<<10

	// WriteMost is the most that a connection has queued, what a Write has copied and the connection
	// does not have yet included.
	WriteMost = queuedMost + chunkSize

	pauseAt    = 64 << 10
	resumeAt   = pauseAt / 2
	queuedMost = 64 << 10
)

// A Conn is a net.Conn on a connection of a loop. Any goroutine but the loop's may call its methods, many at
// once: a Write is not mixed with another, and of several Reads each gets bytes that no other does.
type Conn struct {
	b             *bridge
	c             *stream.Conn // the loop's
	next          func(*stream.Conn, error)
	local, remote net.Addr

	mu     sync.Mutex
	read   half
	write  half
	in     queue  // has arrived, and nobody has read it
	out    *chunk // was written, and c does not have it; nil: nothing
	why    error  // what is answered once closed
	closed bool   // Close, or Wrap refused
	fin    bool   // CloseWrite
	reset  bool   // closed, and the peer is to be told that nobody served it
	ended  bool   // OnClose was called
	asked  bool   // serve is to come
	paused bool   // PauseRead
	resume bool   // serve is to undo that
	full   bool   // the loop's: something is left for OnWrite to go on with
}

// Wrap makes a net.Conn of c, which must be connected: call it in OnAccept, in the function given to Dial, or
// at any time later. OnRead, OnEOF, OnWrite and OnClose belong to it from then on, and so do PauseRead and
// ResumeRead; reading begins if it was paused. An OnClose that was set before is still called. A Close on the
// loop is net.ErrClosed to the goroutines.
//
// Wrap belongs to the loop's goroutine. What it cannot wrap it leaves as it is, and every method of what it
// returns answers why: os.ErrInvalid for nil, syscall.ENOTCONN for a connection that is still being
// dialed, net.ErrClosed for one that is closed, loop.ErrOffLoop.
func Wrap(c *stream.Conn) *Conn {
	n := &Conn{c: c, why: net.ErrClosed}
	n.read.cond.L, n.write.cond.L = &n.mu, &n.mu
	if err := mayWrap(c); err != nil {
		n.why, n.closed, n.ended = err, true, true
		n.local, n.remote = netAddr(poller.Addr{}, poller.Addr{}), netAddr(poller.Addr{}, poller.Addr{})
		return n
	}
	n.b = bridgeOf(c.Loop())
	n.local, n.remote = netAddr(c.LocalAddr(), c.RemoteAddr()), netAddr(c.RemoteAddr(), c.LocalAddr())
	n.next = c.OnClose
	ended := !c.Readable()
	c.OnRead, c.OnEOF, c.OnWrite, c.OnClose = n.received, n.eof, n.written, n.over
	c.ResumeRead()
	if ended { // and somebody was told: not again
		n.b.lp.Maker().Defer((*late)(n)) // behind what was kept of before
	}
	return n
}

// mayWrap is why c is not wrapped, or nil.
func mayWrap(c *stream.Conn) error {
	if c == nil {
		return os.ErrInvalid
	}
	if err := c.Loop().Maker().Check("netconn.Wrap"); err != nil {
		return err
	}
	if c.Closing() {
		return net.ErrClosed
	}
	if !c.Readable() {
		// The answer to a question about an option tells one that is being dialed from one whose peer has ended.
		if _, err := c.KeepAlive(); errors.Is(err, syscall.ENOTCONN) {
			return syscall.ENOTCONN
		}
	}
	return nil
}

// late is a Conn whose peer had ended before Wrap.
type late Conn

// Flush tells the end.
func (l *late) Flush() { (*Conn)(l).eof(l.c) }

// over is OnClose. What has arrived stays, for Read.
func (n *Conn) over(c *stream.Conn, err error) {
	n.mu.Lock()
	n.ended = true
	why := err
	if why == nil { // Close on the loop, or both sides have ended
		why = net.ErrClosed
	}
	n.read.end(why)
	n.write.end(why)
	n.out.free()
	n.out = nil
	n.mu.Unlock()
	if n.next != nil {
		n.next(c, err)
	}
}

// Close closes the connection: what was written is sent, and calls that wait return net.ErrClosed. It
// does not wait for that. What arrived and was not read is dropped.
func (n *Conn) Close() error { return n.close(false) }

func (n *Conn) close(reset bool) error {
	n.enter()
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return n.fail("close", n.why)
	}
	n.closed, n.reset = true, reset
	n.in.free()
	n.read.stop()
	n.write.stop()
	n.read.cond.Broadcast()
	n.write.cond.Broadcast()
	n.askAndUnlock()
	return nil
}

// CloseWrite ends this side once what was written is sent, as that of *net.TCPConn and *net.UnixConn does: the peer
// reads EOF, and reading goes on. Write is syscall.EPIPE then, also one that waits.
func (n *Conn) CloseWrite() error {
	n.enter()
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return n.fail("close", n.why)
	}
	if n.fin {
		n.mu.Unlock()
		return nil
	}
	n.fin = true
	n.write.cond.Broadcast()
	n.askAndUnlock()
	return nil
}

// LocalAddr is the address of this end: a *net.TCPAddr or a *net.UnixAddr.
func (n *Conn) LocalAddr() net.Addr { return n.local }

// RemoteAddr is the address of the peer.
func (n *Conn) RemoteAddr() net.Addr { return n.remote }

// netAddr is a as package net has it. The other end tells the network where a unix-domain
// socket has no name.
func netAddr(a, other poller.Addr) net.Addr {
	if a.Path == "" && (a.IsValid() || other.AddrPort.IsValid()) {
		return net.TCPAddrFromAddrPort(a.AddrPort)
	}
	return &net.UnixAddr{Net: "unix", Name: a.Path}
}

// fail is the error of an operation on n, as package net words it.
func (n *Conn) fail(op string, err error) error {
	source, addr := n.local, n.remote
	if op == "set" {
		source, addr = nil, n.local
	}
	return &net.OpError{Op: op, Net: n.local.Network(), Source: source, Addr: addr, Err: plain(op, err)}
}

// plain takes off what package stream has put around the reason of an end, and names the call as package net does.
func plain(op string, err error) error {
	for {
		switch e := err.(type) {
		case *net.OpError:
			err = e.Err
		case *stream.LossError:
			err = e.Err
		case *os.SyscallError: // what is in it may be more than a number
			return os.NewSyscallError(op, e.Err)
		case syscall.Errno:
			return os.NewSyscallError(op, e)
		default:
			return err
		}
	}
}

var _ interface {
	net.Conn
	CloseWrite() error
} = (*Conn)(nil)

// enter waits where a world does one thing at a time until it is this goroutine's turn. It must not be
// called with a lock that the loop may want.
func (n *Conn) enter() {
	if n.b != nil {
		n.b.enter()
	}
}
