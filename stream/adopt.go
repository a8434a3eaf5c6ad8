package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// AdoptConn takes a connection over from package net and closes nc; after an error nc
// is as it was. As in OnAccept the caller should set the callbacks at once; reading
// begins when ResumeRead is called. What has been read from nc already, into a buffer of crypto/tls
// or bufio say, is not seen.
//
// At most one Options may be given; a nil one is none. Without it the socket keeps what nc
// has set (package net turns Nagle's algorithm off, and keep-alive on); with it NoDelay and
// keep-alive become as it says, buffers if it has sizes, and timeouts, limits and watermarks are
// those of a connection that was dialed with it. What it says of binding and dialing is not looked
// at, because that is past.
func AdoptConn(lp *loop.Loop, nc net.Conn, o ...*Options) (*Conn, error) {
	if err := lp.Maker().Check("stream.AdoptConn"); err != nil {
		return nil, err
	}
	if lp == nil || isNil(nc) || len(o) > 1 {
		return nil, &net.OpError{Op: "adopt", Net: "stream", Err: errInvalid}
	}
	own, network := given(o), nc.LocalAddr().Network()
	p, err := own.policy()
	if err == nil && own != nil && own.Layer != nil {
		err = errInvalid
	}
	if err != nil {
		return nil, &net.OpError{Op: "adopt", Net: network, Addr: nc.RemoteAddr(), Err: err}
	}
	s := sharedOf(lp)
	c := newConn(s.conf(conf{shared: s, policy: p, network: network}), own.drainTimeout(), nil)
	c.stops |= stopByUser
	if err = lp.Maker().Attach(c); err == nil {
		err = adopt(lp, nc, func(a poller.Adopter, fd uintptr) (err error) {
			c.s, err = a.AdoptStream(fd, (*upcalls)(c))
			return err
		})
	}
	if err != nil {
		lp.Maker().Detach(c)
		return nil, &net.OpError{Op: "adopt", Net: network, Addr: nc.RemoteAddr(), Err: err}
	}
	if own != nil {
		own.applyTo(c.s) // if the connection takes no options it is gone, and will tell so
	}
	lp.Maker().SetActive(c, true)
	c.appear()
	if c.conf.timeouts() {
		c.startClock()
	}
	nc.Close()
	return c, nil
}

// AdoptListener takes a listener over from package net and closes nl, whose unix-domain path, if it
// is one, stays: one that systemd or net.ListenConfig has opened, say. After an error nl is as it was.
//
// At most one Options may be given; without it, or with nil, they are the defaults, as
// of Listen. They apply as Listen's do, to what is accepted as well, but those of binding
// (ReusePort, V6Only, Control and so on), which is past. NoDelay, keep-alive and buffers are
// set on the socket, which another process may have too, and a Backlog on what listens already.
func AdoptListener(lp *loop.Loop, nl net.Listener, o ...*Options) (*Listener, error) {
	if err := lp.Maker().Check("stream.AdoptListener"); err != nil {
		return nil, err
	}
	if lp == nil || isNil(nl) || len(o) > 1 {
		return nil, &net.OpError{Op: "adopt", Net: "stream", Err: errInvalid}
	}
	network := nl.Addr().Network()
	failed := func(err error) (*Listener, error) {
		return nil, &net.OpError{Op: "adopt", Net: network, Addr: nl.Addr(), Err: err}
	}
	own := given(o)
	if own == nil {
		own = new(Options)
	}
	p, err := own.policy()
	if err != nil {
		return failed(err)
	}
	ln := newListener(lp, network, p, own)
	if err = ln.setLimits(own); err == nil {
		err = MayListen(lp)
	}
	if err == nil {
		err = lp.Maker().Attach(ln)
	}
	if err != nil {
		return failed(err)
	}
	var s poller.Socket
	err = adopt(lp, nl, func(a poller.Adopter, fd uintptr) (err error) {
		s, err = a.AdoptListener(fd, (*acceptor)(ln))
		return err
	})
	if err != nil {
		lp.Maker().Detach(ln)
		return failed(err)
	}
	err = own.applyTo(s)
	if err == nil && own.Backlog > 0 {
		err = s.SetOption(poller.BacklogSize, own.Backlog)
	}
	if err != nil {
		ln.renounce(s)
		return failed(err)
	}
	if u, ok := nl.(interface{ SetUnlinkOnClose(bool) }); ok { // *net.UnixListener would remove its path
		u.SetUnlinkOnClose(false)
	}
	ln.begin(s)
	nl.Close()
	return ln, nil
}

// given is the Options that the caller has given, or nil.
func given(o []*Options) *Options {
	if len(o) == 0 {
		return nil
	}
	return o[0]
}

// applyTo sets what o asks of a socket that somebody else has opened. Options that this kind of
// socket does not have are left out: a unix-domain one has none of TCP's.
func (o *Options) applyTo(s poller.Socket) error {
	p := o.socket()
	keep := p.Probing()
	type setting struct {
		o poller.Option
		v int
	}
	settings := []setting{{poller.NoDelay, netop.Flag(!p.Delay)}, {poller.KeepAlive, netop.Flag(keep.Enable)}}
	for _, more := range []setting{
		{poller.KeepAliveIdle, seconds(keep.Idle)}, {poller.KeepAliveInterval, seconds(keep.Interval)}, {poller.KeepAliveCount, keep.Count},
		{poller.RecvBuffer, p.RecvBuffer}, {poller.SendBuffer, p.SendBuffer},
	} {
		if more.v > 0 {
			settings = append(settings, more)
		}
	}
	for _, set := range settings {
		if err := s.SetOption(set.o, set.v); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil
}

// seconds is d in whole seconds, as the system takes them, rounded up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// renounce ends a listener that has come to nothing. Others who have the socket too keep it.
func (ln *Listener) renounce(s poller.Socket) {
	ln.s = s
	ln.retry.Init((*acceptor)(ln))
	ln.limits.refill.Init((*refills)(ln))
	ln.Close()
}

// isNil reports whether v is nil or holds a nil pointer, which cannot even be asked for its
// address.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil()
}

// adopt gives the descriptor of a net.Conn or net.Listener to take.
func adopt(lp *loop.Loop, from any, take func(poller.Adopter, uintptr) error) error {
	a, ok := lp.Maker().Poller().(poller.Adopter)
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

// NetConn hands the connection over to package net, for code that blocks. This Conn closes
// without a word to the peer, and OnClose follows.
//
// What was written, and an end after it, is sent first. If the system does not take all of it at
// once, the error is syscall.EBUSY; it is too if a layer is not ready. What is unread is read first from the
// net.Conn, which is no *net.TCPConn then, but has its CloseWrite. Through a layer that is no poller.Releaser nothing can be
// handed over: errors.ErrUnsupported. A NetConn that fails, for want of descriptors say, leaves the connection as it was.
func (c *Conn) NetConn() (net.Conn, error) {
	if err := c.lp().Check("stream.Conn.NetConn"); err != nil {
		return nil, err
	}
	if c.Closing() || c.life == connecting {
		return nil, c.fail("release", net.ErrClosed)
	}
	r, blocker, ok := releasable(c.s)
	if !ok {
		return nil, c.fail("release", errors.ErrUnsupported)
	}
	if c.life == shaking || !c.sendNow() {
		return nil, c.fail("release", syscall.EBUSY)
	}
	if in := c.input(); in != nil && in.end != nil && in.end != io.EOF {
		return nil, c.fail("release", in.end) // it will be the reason of OnClose
	}
	nc, err := duplicate(r)
	if err != nil {
		return nil, c.fail("release", err)
	}
	through := nc
	if blocker != nil {
		if through, err = blocker.Block(nc); err != nil {
			nc.Close()
			return nil, c.fail("release", err)
		}
	}
	fd, err := r.Release()
	if err != nil {
		nc.Close()
		return nil, c.fail("release", err)
	}
	os.NewFile(fd, "stream").Close() // nc has its own
	if p := c.unread(); len(p) > 0 {
		through = &reread{Conn: through, rest: bytes.Clone(p)}
	}
	c.takeUnread()
	c.become(finished)
	c.lp().BeginClose(c)
	return through, nil
}

// releasable is what gives the descriptor of s back, and the layer through which blocking code is to go on
// then: nil, if the bytes are as they are below. Of two such layers one could be handed over, and then the
// other fail.
func releasable(s poller.Stream) (r releaser, blocker poller.Blocker, ok bool) {
	for s != nil {
		if r, ok = poller.As[releaser](s); ok {
			return r, blocker, true
		}
		l, layered := s.(poller.Layered)
		if !layered {
			return nil, nil, false
		}
		b, blocks := s.(poller.Blocker)
		switch _, passes := s.(releaser); {
		case passes:
		case !blocks, blocker != nil:
			return nil, nil, false
		default:
			blocker = b
		}
		s = l.Below()
	}
	return nil, nil, false
}

// A releaser is a stream that can be handed over.
type releaser interface {
	poller.Releaser
	poller.Duplicator
}

// duplicate is a net.Conn of the same socket. It is made before the descriptor is released, because
// making it may fail.
func duplicate(r releaser) (net.Conn, error) {
	fd, err := r.Duplicate()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(fd, "stream")
	defer f.Close() // FileConn has its own duplicate
	return net.FileConn(f)
}

// A reread is a net.Conn that first reads what was read from it before.
type reread struct {
	net.Conn
	mu   sync.Mutex
	rest []byte
}

func (r *reread) Read(p []byte) (int, error) {
	r.mu.Lock()
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	return r.Conn.Read(p)
}

// CloseWrite ends this side, as that of *net.TCPConn does.
func (r *reread) CloseWrite() error {
	if w, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}
