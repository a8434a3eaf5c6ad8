package tcp

import (
	"errors"
	"net"
	"os"
	"reflect"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// AdoptConn takes a connection over from package net and closes nc. As in
// OnAccept the caller should set the callbacks at once; reading begins when
// ResumeRead is called. What nc has read into buffers of its own (crypto/tls,
// bufio) is not seen.
func AdoptConn(lp *loop.Loop, nc net.Conn) (*Conn, error) {
	lp.Check("tcp.AdoptConn")
	if lp == nil || isNil(nc) {
		return nil, &net.OpError{Op: "adopt", Net: "tcp", Err: errInvalid}
	}
	s := sharedOf(lp)
	c := newConn(s.origin(origin{shared: s}), defaultDrainTimeout, nil)
	c.state |= paused
	err := lp.Attach(c)
	if err == nil {
		err = adopt(lp, nc, func(a poller.Adopter, fd uintptr) (err error) {
			c.s, err = a.AdoptStream(fd, (*upcalls)(c))
			return err
		})
	}
	if err != nil {
		lp.Detach(c)
		return nil, &net.OpError{Op: "adopt", Net: "tcp", Addr: nc.RemoteAddr(), Err: err}
	}
	lp.SetActive(c, true)
	nc.Close()
	return c, nil
}

// AdoptListener takes a listener over from package net and closes nl: one that
// systemd or net.ListenConfig has opened, say.
func AdoptListener(lp *loop.Loop, nl net.Listener) (*Listener, error) {
	lp.Check("tcp.AdoptListener")
	if lp == nil || isNil(nl) {
		return nil, &net.OpError{Op: "adopt", Net: "tcp", Err: errInvalid}
	}
	ln := newListener(lp, policy{}, defaultDrainTimeout)
	var s poller.Socket
	err := mayListen(lp)
	if err == nil {
		err = lp.Attach(ln)
	}
	if err == nil {
		err = adopt(lp, nl, func(a poller.Adopter, fd uintptr) (err error) {
			s, err = a.AdoptListener(fd, (*acceptor)(ln))
			return err
		})
	}
	if err != nil {
		lp.Detach(ln)
		return nil, &net.OpError{Op: "adopt", Net: "tcp", Addr: nl.Addr(), Err: err}
	}
	ln.begin(s)
	nl.Close()
	return ln, nil
}

// isNil reports whether there is nothing in an interface, or a nil pointer, on
// which not even an address can be asked for.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil()
}

// adopt gives the descriptor of a net.Conn or net.Listener to take.
func adopt(lp *loop.Loop, from any, take func(poller.Adopter, uintptr) error) error {
	a, ok := lp.Poller().(poller.Adopter)
	if !ok {
		return errors.ErrUnsupported
	}
	sc, ok := from.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var taken error
	if err := raw.Control(func(fd uintptr) { taken = take(a, fd) }); err != nil {
		return err
	}
	return taken
}

// NetConn hands the connection over to package net, for code that blocks; this
// connection closes without a word to the peer, and OnClose follows. What was written, and
// an end after it, is sent first as far as the system takes it at once: what it does not is
// syscall.EBUSY, and so is what was read when there was no OnRead any more. A NetConn that
// fails, for want of descriptors say, leaves the connection as it was.
func (c *Conn) NetConn() (net.Conn, error) {
	c.Loop().Check("tcp.Conn.NetConn")
	if c.Closing() || c.is(connecting) {
		return nil, c.fail("release", net.ErrClosed)
	}
	r, ok := c.s.(releaser)
	if !ok {
		return nil, c.fail("release", errors.ErrUnsupported)
	}
	if c.more != nil && c.more.unread != nil || !c.sendNow() {
		return nil, c.fail("release", syscall.EBUSY)
	}
	nc, err := duplicate(r)
	if err != nil {
		return nil, c.fail("release", err)
	}
	fd, err := r.Release()
	if err != nil {
		nc.Close()
		return nil, c.fail("release", err)
	}
	os.NewFile(fd, "tcp").Close() // nc has its own
	c.state |= finished
	c.Loop().BeginClose(c)
	return nc, nil
}

// A releaser is a stream that can be handed over.
type releaser interface {
	poller.Releaser
	poller.Duplicator
}

// duplicate is what package net makes of the socket, whose descriptor stays where it is: to
// make it may fail.
func duplicate(r releaser) (net.Conn, error) {
	fd, err := r.Duplicate()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(fd, "tcp")
	defer f.Close() // FileConn has its own duplicate
	return net.FileConn(f)
}

// sendNow gives the system what it takes at once of what is queued, and an end that was to
// follow, and reports whether that is all. Nobody is called back for it yet.
func (c *Conn) sendNow() bool {
	if o := c.out; o != nil {
		if o.flight > 0 || !o.sendNow(c) {
			return false
		}
		if o.empty() {
			c.out = nil
			c.share.put(o)
			c.state |= wrote
		}
	}
	if c.is(writeEnded) && !c.is(finSent) {
		c.state |= finSent
		c.s.Shutdown()
	}
	return true
}

// sendNow sends what is queued as far as the system takes it. What is sent stays in the
// queue without bytes, for those who are to be told.
func (o *output) sendNow(c *Conn) bool {
	if o.only > 0 {
		n := c.s.TrySend(o.small[:o.only])
		o.only = int32(copy(o.small[:], o.small[n:o.only]))
		o.took(c, n)
		return o.only == 0
	}
	for i := o.head; i < len(o.bufs); i++ {
		b := o.bufs[i]
		if len(b) == 0 {
			continue
		}
		n := c.s.TrySend(b)
		if o.ends[i].own == callers {
			o.bufs[i] = b[n:]
		} else { // memory of our own is used again, and keeps its beginning
			o.bufs[i] = b[:copy(b, b[n:])]
		}
		if o.took(c, n); n < len(b) {
			return false
		}
	}
	o.taken = len(o.bufs) - o.head // what dropped says of them
	return true
}

// took notes that the system has n bytes that were queued.
func (o *output) took(c *Conn, n int) {
	o.queued -= n
	c.uncount(o, n)
	if n > 0 {
		c.progressed()
	}
}
