package pollertest

import (
	"errors"
	"io"
	"net"
	"unsafe"

	"example.com/pike/poller"
)

// A conn owns a stream and checks all that is called on it. It sends and expects patterns.
// The two addresses of a connection decide them, so that no two connections have the same
// pattern, and no two directions of one connection.
type conn struct {
	life
	s  poller.Stream
	on struct { // what a test adds
		connected func(err error)
		received  func(p []byte, err error)
		sent      func(err error)
		closed    func()
	}
	dialed    bool
	told      bool // Connected was called
	connected bool
	dialErr   error

	theirs pattern
	in     int64 // bytes received
	end    error // how receiving ended
	lost   bool  // with an error, be it after EOF
	awaits bool  // WatchEnd was called

	ours    pattern
	out     int64    // bytes given to Send and taken by TrySend
	held    [][]byte // what the poller has until Sent
	lent    [][]byte // the slice in which it has that
	rest    int      // bytes that TrySend did not take: the next send begins with them
	from    int64    // where in ours that begins
	sending bool
	answers int // Sents
	sendErr error

	owed int  // bytes that reply has yet to send
	shut bool // the test called Shutdown
	ends bool // is to be closed when its Send is over; see shutdown
	raw  bool // what is received is no pattern
}

// identify finds out which patterns the connection has.
func (c *conn) identify() {
	c.Helper()
	var here, there poller.Addr
	c.call("Addr", func() { here = c.s.Addr() })
	c.call("Peer", func() { there = c.s.Peer() })
	switch { // of a unix domain the end that was accepted has the path, and the other has it for its peer
	case here.Path != "":
		c.ours, c.theirs = 1<<16, 1
		return
	case there.Path != "":
		c.ours, c.theirs = 1, 1<<16
		return
	}
	if !here.IsValid() || !there.IsValid() {
		c.Errorf("%s: connected from %v to %v", c.name, here, there)
	}
	c.ours = pattern(here.Port())<<16 | pattern(there.Port())
	c.theirs = pattern(there.Port())<<16 | pattern(here.Port())
}

// Connected implements poller.StreamHandler, as the methods below do.
func (c *conn) Connected(err error) {
	c.upcall("Connected")
	switch {
	case c.told:
		c.broken(11, "Connected twice")
	case !c.dialed && err != nil && !c.layered():
		c.broken(11, "Connected(%v) of what was accepted", err)
	case c.closing:
		c.broken(4, "Connected after Close")
	}
	c.told, c.connected, c.dialErr = true, err == nil, err
	if err == nil && c.dialed {
		c.identify()
	}
	if c.on.connected != nil {
		c.on.connected(err)
	}
	c.endDue()
}

func (c *conn) Received(p []byte, err error) {
	c.upcall("Received")
	c.delivers(len(p))
	if !c.started && !c.closing && (err == nil || err == io.EOF && !c.awaits) {
		c.broken(5, "Received(%d bytes, %v) while stopped", len(p), err)
	}
	switch {
	case c.end == io.EOF && len(p) == 0 && err != nil && err != io.EOF:
		c.lost = true // an end that was in order, and then the connection was gone
	case c.end != nil:
		c.broken(3, "Received(%d bytes, %v) after %v", len(p), err, c.end)
	case !c.connected, !c.told:
		c.broken(3, "Received(%d bytes, %v) on what is not connected", len(p), err)
	case (len(p) > 0) == (err != nil):
		c.broken(3, "Received(%d bytes, %v)", len(p), err)
	case errors.Is(err, net.ErrClosed):
		c.broken(3, "Received(%v) without Close", err)
	}
	if i := c.theirs.differs(p, c.in); i >= 0 && !c.raw {
		c.Fatalf("%s: byte %d of what was received is wrong", c.name, c.in+int64(i))
	}
	c.in += int64(len(p))
	if c.end = err; err != nil {
		c.started = false
		c.lost = c.lost || err != io.EOF
	}
	if c.on.received != nil {
		c.on.received(p, err)
	}
}

func (c *conn) Sent(err error) {
	c.upcall("Sent")
	closed := errors.Is(err, net.ErrClosed)
	switch {
	case !c.sending:
		c.broken(2, "Sent(%v) without a Send", err)
	case !c.told && !c.closing:
		c.broken(11, "Sent(%v) before Connected", err)
	case closed && !c.closing:
		c.broken(2, "Sent(%v) without Close", err)
	case err != nil && !closed && c.closing:
		c.broken(2, "Sent(%v) after Close", err)
	case err == io.EOF:
		c.broken(2, "Sent(%v)", err)
	}
	c.sending, c.sendErr = false, err
	c.answers++
	c.takeBack()
	if c.on.sent != nil {
		c.on.sent(err)
	}
	c.endDue()
}

func (c *conn) Closed() {
	c.ending()
	if c.sending {
		c.broken(2, "Closed before Sent")
	}
	if c.on.closed != nil {
		c.on.closed()
	}
}

// takeBack checks that the poller has left the buffers, and the slice that held them, as they
// were. Then it makes them useless, because they are the caller's again.
func (c *conn) takeBack() {
	for i, b := range c.lent {
		if was := c.held[i]; len(b) != len(was) || unsafe.SliceData(b) != unsafe.SliceData(was) {
			c.broken(2, "the poller changed the slice: buffer %d had %d bytes, and has %d", i, len(was), len(b))
		}
	}
	clear(c.lent)
	c.lent = nil
	off := c.from
	for i, b := range c.held {
		if at := c.ours.differs(b, off); at >= 0 {
			c.broken(2, "the poller changed byte %d of buffer %d", at, i)
		}
		off += int64(len(b))
		scribble(b)
	}
	clear(c.held)
	c.held = nil
}

// send sends the next bytes of the pattern as buffers of the given sizes. What TrySend did not
// take comes first, so that the first may be longer.
func (c *conn) send(sizes ...int) (done bool) {
	c.Helper()
	if c.sending {
		c.Fatalf("%s: the test sends while a Send is out", c.name)
	}
	if c.rest > 0 {
		sizes = append([]int{c.rest}, sizes...)
		c.rest = 0
	}
	bufs, total := make([][]byte, len(sizes)), int64(0)
	for i, n := range sizes {
		bufs[i] = c.ours.bytes(n, c.out+total)
		total += int64(n)
	}
	// The poller may keep bufs, so what is compared later is a slice of our own.
	c.held, c.lent, c.from = append([][]byte(nil), bufs...), bufs, c.out
	c.out += total
	c.call("Send", func() { done = c.s.Send(bufs) })
	if c.sending = !done; done {
		c.takeBack()
	}
	return done
}

// trySend tries to send the next n bytes of the pattern, or more: all that the last one left.
func (c *conn) trySend(n int) (taken int) {
	c.Helper()
	n = max(n, c.rest)
	p := c.ours.bytes(n, c.out)
	c.call("TrySend", func() { taken = c.s.TrySend(p) })
	if taken < 0 || taken > n {
		c.Fatalf("%s: TrySend of %d bytes took %d", c.name, n, taken)
	}
	scribble(p)
	c.out += int64(taken)
	c.rest = n - taken
	return taken
}

// reply makes c answer each byte it receives with one of its own.
func (c *conn) reply() {
	pay := func() {
		for c.owed > 0 && !c.sending && !c.closing {
			n := c.owed
			c.owed = 0
			c.send(n)
		}
	}
	c.on.received = func(p []byte, _ error) { c.owed += len(p); pay() }
	c.on.sent = func(error) { pay() }
}

// fill sends to a stopped peer until the system takes no more, so that a Send stays in
// flight.
func (c *conn) fill() {
	c.Helper()
	for range 256 {
		if !c.send(64<<10, 0, 64<<10) {
			c.settle()
		}
		if c.sending {
			return
		}
	}
	c.Fatalf("%s: the system took %d bytes that nobody reads", c.name, c.out)
}

// watchEnd calls WatchEnd, if the stream has it.
func (c *conn) watchEnd() (ok bool) {
	w, ok := poller.As[poller.EndWatcher](c.s)
	if ok {
		c.awaits = true
		c.call("WatchEnd", w.WatchEnd)
	}
	return ok
}

func (c *conn) start() {
	c.awaits = false
	c.started = c.end == nil && !c.closing
	c.call("Start", c.s.Start)
}

func (c *conn) stop() {
	c.started, c.awaits = false, false
	c.call("Stop", c.s.Stop)
}

// shutdown ends the sending side: with the other one, where they end together.
func (c *conn) shutdown() {
	if _, ok := poller.Bottom(c.s).(poller.Indivisible); !ok {
		c.call("Shutdown", c.s.Shutdown)
		return
	}
	if c.ends = c.sending || !c.told; !c.ends {
		c.close()
	}
}

// endDue closes an end that was shut down while it had something to do before.
func (c *conn) endDue() {
	if c.ends && c.told && !c.sending && !c.closing {
		c.close()
	}
}

func (c *conn) close() { c.endBy("Close", c.s.Close) }
func (c *conn) reset() { c.endBy("Reset", c.s.Reset) }

func (c *conn) unsent() (n int) {
	c.call("Unsent", func() { n = c.s.Unsent() })
	return n
}

// layered reports whether a layer has made the stream. Its Connected may tell of an error also
// where it was accepted, and it may have a little of its own to send, and to have acknowledged.
func (c *conn) layered() bool {
	_, ok := c.s.(poller.Layered)
	return ok
}

// ended reports whether EOF or an error was received.
func (c *conn) ended() bool { return c.end != nil }

func (c *conn) idleSend() bool { return !c.sending }

// eof reports whether it ended in an orderly way.
func (c *conn) eof() bool { return c.end == io.EOF }
