package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Conn is a UDP socket. Its methods belong to the loop's goroutine. An open
// socket keeps the loop running, unless Unref was called.
type Conn struct {
	loop.Base
	s       poller.Packet
	state   state
	filling *batch // what is queued; nil if nothing is
	flying  *batch // what is with the poller
	spare   *batch
	bound   *bound    // nil without a QueueLimit
	kept    []Message // taken from the system, but reading was paused before they were told
	counted int       // bytes queued that the loop's Metrics count

	// OnRead is called for each datagram. p belongs to the loop and is
	// overwritten when OnRead returns. Without OnRead and OnReadBatch datagrams
	// are dropped. PauseRead leaves them with the system.
	OnRead func(c *Conn, p []byte, from netip.AddrPort)

	// OnReadBatch, if set, is called instead of OnRead, with all that one system call has
	// returned. A Message with Segment set is a run of datagrams, which Message.Datagrams
	// takes apart. ms and all data in it belong to the loop and are overwritten when
	// OnReadBatch returns. WriteBatch(ms) inside it sends back what came.
	OnReadBatch func(c *Conn, ms []Message)

	// OnError is told what went wrong with a datagram, as a *net.OpError. One that could
	// not be sent has Op "write" and the address it was for, unless it has a done
	// function, which is told instead. A refusal that came back has Op "read" and the address
	// of the peer that refused. It is of a datagram sent before, and what was written since
	// then is sent. The socket goes on.
	OnError func(c *Conn, err error)

	// OnWrite is called when all that was written has been handed to the
	// system.
	OnWrite func(c *Conn)

	// OnClose is called once and last.
	OnClose func(c *Conn)

	// Context is the user's own.
	Context any
}

// state is what has happened to a socket.
type state uint8

const (
	paused   state = 1 << iota // PauseRead
	draining                   // Close, with output still queued
	finished                   // the poller has been told to close
	inUpcall                   // output is sent when the upcall ends
	deferred                   // the loop will call Flush
	holding                    // the loop is held until the output is sent
	wrote                      // OnWrite is owed
	renamed                    // Connect was called: what is being read may be from a stranger
)

func (c *Conn) is(s state) bool { return c.state&s != 0 }

// attach puts c on the loop with the socket that open returns. The loop comes first,
// because a poller that has been closed would never close a new socket.
func (c *Conn) attach(lp *loop.Loop, open func() (poller.Packet, error)) error {
	if err := lp.Maker().Attach(c); err != nil {
		return err
	}
	var s poller.Packet
	defer func() {
		if s == nil { // also if Options.Control panics
			lp.Maker().Detach(c)
		}
	}()
	var err error
	if s, err = open(); err != nil {
		return err
	}
	c.s = s
	lp.Maker().SetActive(c, true)
	s.Start()
	return nil
}

// LocalAddr is the address the socket is bound to, or the zero AddrPort when the
// socket is closed.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.lp().Check("udp.Conn.LocalAddr") != nil {
		return netip.AddrPort{}
	}
	return c.s.Addr().AddrPort
}

// RemoteAddr is the address the socket is connected to, or the zero AddrPort.
func (c *Conn) RemoteAddr() netip.AddrPort {
	if c.lp().Check("udp.Conn.RemoteAddr") != nil {
		return netip.AddrPort{}
	}
	return c.s.Peer().AddrPort
}

// Connect fixes the peer, as Dial does. The zero AddrPort dissolves that. From then on
// OnRead gets nothing from others, also not what has arrived already. What OnReadBatch was
// given stays as it is.
func (c *Conn) Connect(peer netip.AddrPort) error {
	if err := c.lp().Check("udp.Conn.Connect"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("connect", peer, net.ErrClosed)
	}
	if err := c.s.Connect(poller.AddrOf(peer)); err != nil {
		return c.fail("connect", peer, err)
	}
	if peer = c.RemoteAddr(); peer.IsValid() {
		c.state |= renamed
		if !c.is(inUpcall) {
			c.sift()
		}
	}
	return nil
}

// PauseRead stops OnRead at once. What arrives stays with the system, which drops
// datagrams when its buffer is full.
func (c *Conn) PauseRead() error {
	if err := c.lp().Check("udp.Conn.PauseRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", netip.AddrPort{}, net.ErrClosed)
	}
	c.state |= paused
	c.s.Stop()
	return nil
}

// ResumeRead undoes PauseRead. OnRead follows from the loop.
func (c *Conn) ResumeRead() error {
	if err := c.lp().Check("udp.Conn.ResumeRead"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", netip.AddrPort{}, net.ErrClosed)
	}
	c.state &^= paused
	if len(c.kept) > 0 {
		c.deferFlush() // also in an upcall, whose end only sends
	} else {
		c.s.Start()
	}
	return nil
}

// Close sends what is queued, as soon as the system takes it, and closes the
// socket. OnClose follows. Until then only the done functions of WriteBuffer are called.
// To close again is net.ErrClosed.
func (c *Conn) Close() error {
	if err := c.lp().Check("udp.Conn.Close"); err != nil {
		return err
	}
	if c.s == nil { // Options.Control is called: there is no socket yet
		return netop.Error("close", network, poller.Addr{}, poller.Addr{}, syscall.EBUSY)
	}
	if !c.lp().BeginClose(c) {
		return c.fail("close", netip.AddrPort{}, net.ErrClosed)
	}
	c.s.Stop()
	if c.is(holding) {
		c.state |= draining
		c.schedule()
	} else {
		c.finish()
	}
	return nil
}

// Abort closes the socket at once and drops what is queued. It may follow Close. On a
// socket that is wholly closed it is net.ErrClosed.
func (c *Conn) Abort() error {
	if err := c.lp().Check("udp.Conn.Abort"); err != nil {
		return err
	}
	switch {
	case c.s == nil:
		return netop.Error("abort", network, poller.Addr{}, poller.Addr{}, syscall.EBUSY)
	case c.is(finished):
		return c.fail("abort", netip.AddrPort{}, net.ErrClosed)
	}
	c.lp().BeginClose(c)
	c.finish()
	return nil
}

func (c *Conn) finish() {
	if !c.is(finished) {
		c.state |= finished
		c.s.Close()
	}
}

func (c *Conn) fail(op string, addr netip.AddrPort, err error) error {
	return netop.Error(op, network, poller.AddrOf(c.LocalAddr()), poller.AddrOf(addr), err)
}

// upcalls keeps the poller's and the loop's upcalls out of Conn's own methods.
type upcalls Conn

func (u *upcalls) Received(ms []poller.Message, err error) {
	c := (*Conn)(u)
	if c.Closing() {
		return
	}
	if err == nil {
		c.received(ms)
		c.again(ms)
		return
	}
	c.state |= inUpcall
	c.tell(c.failRead(err))
	c.upcalled()
}

// again is Received for what was counted already.
func (c *Conn) again(ms []Message) {
	c.state |= inUpcall
	c.read(ms)
	c.upcalled()
}

func (c *Conn) upcalled() {
	c.state &^= inUpcall
	if c.filling != nil {
		c.flush()
	}
}

// failRead is an error of receiving. The error of a refusal names the peer that the refused
// datagram was for, because the socket may have another peer by now.
func (c *Conn) failRead(err error) error {
	var of *poller.PeerError
	if errors.As(err, &of) {
		return c.fail("read", of.Peer, err)
	}
	return c.fail("read", c.RemoteAddr(), err)
}

// read hands over a batch, which is one callback as far as the loop is concerned.
func (c *Conn) read(ms []Message) {
	if lp := c.lp(); lp.Guarded() {
		lp.Call(c, func() { c.hand(ms) })
	} else {
		c.hand(ms)
	}
}

func (c *Conn) hand(ms []Message) {
	if c.OnReadBatch != nil {
		c.OnReadBatch(c, ms)
		return
	}
	c.state &^= renamed
	for i := range ms {
		if rest, all := c.split(&ms[i]); !all {
			if c.OnRead != nil && !c.Closing() {
				c.keep(rest, ms[i:])
				c.sift()
			}
			return
		}
	}
}

// split hands over the datagrams of m one by one. It stops at one that must not be handed over,
// and the rest begins with that one. Nothing is deferred here, which saves a nanosecond for each
// datagram.
func (c *Conn) split(m *Message) (rest []byte, all bool) {
	p, size, from := m.Data, m.Segment, m.Peer
	if size <= 0 {
		size = len(p)
	}
	for {
		if c.OnRead == nil || c.Closing() || c.is(paused|renamed) {
			return p, false
		}
		if len(p) <= size {
			c.OnRead(c, p, from)
			return nil, true
		}
		c.OnRead(c, p[:size:size], from)
		p = p[size:]
	}
}

// keep copies the datagrams that a pause in the middle of a batch has left over, because
// the system has them no more. p is what is left of the first message.
func (c *Conn) keep(p []byte, ms []Message) {
	for i, m := range ms {
		if i == 0 {
			m.Data = p
		}
		m.Data = append([]byte(nil), m.Data...)
		c.kept = append(c.kept, m)
	}
}

// sift drops what was kept from peers that are strangers since Connect. If that was in the
// middle of reading, it goes on with the rest.
func (c *Conn) sift() {
	if !c.is(renamed) {
		return
	}
	c.state &^= renamed
	peer := c.RemoteAddr()
	c.kept = slices.DeleteFunc(c.kept, func(m Message) bool { return m.Peer != peer })
	if c.is(inUpcall) && !c.is(paused) {
		ms := c.kept
		c.kept = nil
		c.read(ms)
	}
}

// deliver hands over what was kept.
func (c *Conn) deliver() {
	if len(c.kept) == 0 || c.is(paused) || c.Closing() {
		return
	}
	ms := c.kept
	c.kept = nil
	c.again(ms)
	if !c.is(paused) && !c.Closing() {
		c.s.Start()
	}
}

// lp is the loop as makers of handles see it.
func (c *Conn) lp() *loop.Maker { return c.Loop().Maker() }

func (c *Conn) tell(err error) {
	if c.OnError == nil || c.Closing() {
		return
	}
	c.lp().Call(c, func() { c.OnError(c, err) })
}

func (u *upcalls) Closed() { u.Loop().Maker().EndClose((*Conn)(u), u) }

// Finished makes the last callbacks.
func (u *upcalls) Finished() {
	c := (*Conn)(u)
	for _, b := range []*batch{c.flying, c.filling} {
		if b != nil {
			c.end(b, net.ErrClosed)
		}
	}
	c.tellDrops(net.ErrClosed)
	c.flying, c.filling, c.spare, c.kept, c.bound = nil, nil, nil, nil, nil
	c.countQueued()
	c.unhold()
	if c.OnClose == nil {
		return
	}
	c.lp().Call(c, func() { c.OnClose(c) })
}
