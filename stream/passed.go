package stream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"example.com/pike/poller"
)

// OnPassed sets what is called with files that arrive with bytes: [WriteFiles] of another process
// has sent them, or a program that uses sendmsg(2). fn nil takes none any more. Nobody has to be
// told of files: where no fn was set the system closes those that arrive, and the bytes come without them.
//
// fn is called from the loop before the OnRead that has the first byte of their write. That OnRead may
// begin with bytes that were written before, because the system puts these together, and it may end
// before the last byte of the write. So a protocol says in its bytes what has files and how many, and
// takes them in the order in which they come. While reading is paused none arrive: they stay with the system.
// Without OnRead they come when it is set, unless OnEOF is; see Conn.OnRead.
//
// The files, which are close-on-exec, are lent. What fn has not taken when it returns, by a method of
// Passed, is closed.
//
// If this process has no room for files that come, the system closes them, and the connection ends:
// the reason of OnClose is syscall.EMFILE. It is syscall.EMSGSIZE if the system does not say why it has
// closed some. OnPassed itself returns syscall.ENOTCONN before a dialed connection is made, errors.ErrUnsupported
// over TCP and through a layer, and net.ErrClosed.
func OnPassed(c *Conn, fn func(c *Conn, files []*Passed)) error {
	if err := c.lp().Check("stream.OnPassed"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("read", net.ErrClosed)
	}
	s, err := c.passer()
	if err != nil {
		return c.fail("read", err)
	}
	c.makePassing().taken = fn
	s.TakeFiles(fn != nil)
	return nil
}

// A Passed is a file that was passed: an open file, a socket, a pipe. One of its methods may take it,
// once, and only before the callback returns that was given it. Later they return os.ErrClosed.
type Passed struct {
	c    *Conn // that it came on; nil when it is gone
	fd   uintptr
	conn *Conn // that it has become
}

// Take gives the descriptor to the caller, who closes it. That of a simulated file is a number of
// the simulator's.
func (f *Passed) Take() (fd uintptr, err error) {
	if err := f.check("stream.Passed.Take"); err != nil {
		return 0, err
	}
	f.c.keeper().GiveFile(f.fd)
	f.c = nil
	return f.fd, nil
}

// File takes it as an [os.File]. In the simulator it is errors.ErrUnsupported.
func (f *Passed) File() (*os.File, error) {
	if err := f.check("stream.Passed.File"); err != nil {
		return nil, err
	}
	if _, ok := f.c.s.(poller.Descriptor); !ok {
		return nil, f.c.fail("read", fmt.Errorf("a simulated file is no os.File: %w", errors.ErrUnsupported))
	}
	fd, err := f.Take()
	return os.NewFile(fd, "passed"), err
}

// Conn takes a connection, of TCP or of a unix-domain socket, and goes on with it on this loop. As in
// OnAccept the caller sets the callbacks at once, and reading begins when the callback of OnPassed returns.
// What the other process has read of it, and has sent along, comes first by [Prepend].
//
// Options are as for [AdoptConn]. What is no connected stream is an error, of getsockopt or getpeername, and
// can still be taken otherwise.
func (f *Passed) Conn(o ...*Options) (*Conn, error) {
	if err := f.check("stream.Passed.Conn"); err != nil {
		return nil, err
	}
	lp, own := f.c.Loop(), given(o)
	p, err := own.policy()
	if err == nil && (len(o) > 1 || own != nil && own.Layer != nil) {
		err = errInvalid
	}
	a, ok := lp.Maker().Poller().(poller.Adopter)
	if !ok {
		err = errors.ErrUnsupported
	}
	if err != nil {
		return nil, f.fail(err)
	}
	s := sharedOf(lp)
	c := newConn(s.conf(conf{shared: s, policy: p, network: "tcp"}), own.drainTimeout(), nil)
	c.stops |= stopByPassing // until the callback that has it now returns
	if err = lp.Maker().Attach(c); err == nil {
		if c.s, err = a.AdoptStream(f.fd, (*upcalls)(c)); err != nil {
			lp.Maker().Detach(c)
		}
	}
	if err != nil {
		return nil, f.fail(err)
	}
	if here := c.s.Addr(); !here.IsValid() || here.Path != "" {
		c.conf = s.conf(conf{shared: s, policy: p, network: "unix"})
	}
	f.c.keeper().DropFile(f.fd)
	f.c, f.conn = nil, c
	if own != nil {
		own.applyTo(c.s) // as in AdoptConn
	}
	lp.Maker().SetActive(c, true)
	c.appear()
	if c.conf.timeouts() {
		c.startClock()
	}
	return c, nil
}

// Prepend has c read p before all that it has not read yet: what another process had read before it passed
// the connection. p is copied. It comes with the next OnRead, after ResumeRead if reading is paused. The error is
// io.EOF after the peer's end, syscall.ENOTCONN before a dialed connection is made, os.ErrInvalid inside its own
// OnRead, which has [Conn.Unread], and net.ErrClosed.
func Prepend(c *Conn, p []byte) error {
	if err := c.lp().Check("stream.Prepend"); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("read", net.ErrClosed)
	case c.life < open:
		return c.fail("read", syscall.ENOTCONN)
	case c.is(readEnded) || c.input() != nil && c.rare.in.end != nil:
		return c.fail("read", io.EOF)
	case c.is(lending):
		return c.fail("read", errInvalid)
	case len(p) == 0:
		return nil
	}
	in, s := c.makeInput(), c.conf.shared
	behind := append([]byte(nil), in.bytes()...)
	in.from = in.to
	in.add(p, s)
	in.add(behind, s)
	in.fresh = true
	c.countUnread(in)
	c.s.Stop() // until that was read
	c.startRead()
	return nil
}

// Listener takes a listener, and goes on with it on this loop. Options are as for [AdoptListener].
func (f *Passed) Listener(o ...*Options) (*Listener, error) {
	if err := f.check("stream.Passed.Listener"); err != nil {
		return nil, err
	}
	if _, ok := f.c.s.(poller.Descriptor); !ok {
		return nil, f.fail(errors.ErrUnsupported)
	}
	lp := f.c.Loop()
	file, err := f.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	nl, err := net.FileListener(file)
	if err != nil {
		return nil, &net.OpError{Op: "adopt", Net: "stream", Err: err}
	}
	ln, err := AdoptListener(lp, nl, o...)
	if err != nil {
		nl.Close()
	}
	return ln, err
}

// check is why a method can do nothing, or nil.
func (f *Passed) check(name string) error {
	if f.c == nil {
		return &net.OpError{Op: "adopt", Net: "stream", Err: os.ErrClosed}
	}
	return f.c.lp().Check(name)
}

func (f *Passed) fail(err error) error { return &net.OpError{Op: "adopt", Net: "stream", Err: err} }

func (c *Conn) keeper() poller.FileKeeper { return c.lp().Poller().(poller.FileKeeper) }

// ReceivedFiles is Received of p, with files. p is kept until the callback has had the files, so
// that it finds a connection with something unread.
func (u *upcalls) ReceivedFiles(p []byte, files []uintptr) {
	c := (*Conn)(u)
	m := c.rare.passing // OnPassed has made it
	if c.Closing() || m.taken == nil {
		dropFiles(c.keeper(), files)
		if len(p) > 0 {
			u.Received(p, nil)
		}
		return
	}
	if len(p) > 0 {
		c.arrived(len(p))
	}
	if k := c.clock(); k != nil {
		k.received(len(p))
	}
	in := c.makeInput()
	in.add(p, c.conf.shared)
	in.fresh = true
	c.countUnread(in)
	c.presentLater(in) // a panic must not leave it there
	c.handOut(m.taken, files)
	c.readUnread()
	if c.life == open && c.OnRead == nil && !c.stopped() {
		c.startRead()
	}
}

// handOut gives files to fn, and closes those that it has not taken. If fn panics, what it has made of
// them has nobody who goes on with it, as a connection whose OnAccept panics.
func (c *Conn) handOut(fn func(*Conn, []*Passed), files []uintptr) {
	passed := make([]*Passed, len(files))
	for i, fd := range files {
		passed[i] = &Passed{c: c, fd: fd}
	}
	returned := false
	defer func() {
		for _, f := range passed {
			switch {
			case f.c != nil:
				c.keeper().DropFile(f.fd)
				f.c = nil
			case f.conn == nil:
			case returned:
				f.conn.goOn(stopByPassing)
			default:
				f.conn.Abort()
			}
		}
	}()
	c.during(func(c *Conn) {
		fn(c, passed)
		returned = true
	})
}

// ReceivedFiles is for a connection that was dialed.
func (a *attempt) ReceivedFiles(p []byte, files []uintptr) { (*upcalls)(a.c).ReceivedFiles(p, files) }

var _, _ poller.FileHandler = (*upcalls)(nil), (*attempt)(nil)
