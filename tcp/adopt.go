package tcp

import (
	"errors"
	"net"
	"net/netip"
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
	if err := lp.Check("tcp.AdoptConn"); err != nil {
		return nil, err
	}
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
	if err := lp.Check("tcp.AdoptListener"); err != nil {
		return nil, err
	}
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
// connection closes without a word to the peer, and OnClose follows. What was
// written must have been sent, or it is syscall.EBUSY.
func (c *Conn) NetConn() (net.Conn, error) {
	if err := c.Loop().Check("tcp.Conn.NetConn"); err != nil {
		return nil, err
	}
	if c.Closing() || c.is(connecting) {
		return nil, c.fail("release", net.ErrClosed)
	}
	r, ok := c.s.(poller.Releaser)
	if !ok {
		return nil, c.fail("release", errors.ErrUnsupported)
	}
	if c.out != nil || c.is(writeEnded) && !c.is(finSent) {
		return nil, c.fail("release", syscall.EBUSY)
	}
	local := c.LocalAddr()
	fd, err := r.Release()
	if err != nil {
		return nil, c.fail("release", err)
	}
	c.state |= finished
	c.Loop().BeginClose(c)
	f := os.NewFile(fd, "tcp")
	defer f.Close() // FileConn has its own duplicate
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, opError("release", local, netip.AddrPort{}, err)
	}
	return nc, nil
}
