package stream

import (
	"errors"
	"syscall"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Listener accepts connections. Its methods belong to the loop's goroutine.
type Listener struct {
	loop.Base
	s        poller.Socket
	addr     poller.Addr
	conf     *conf // of its connections
	drain    time.Duration
	stops    stops
	limits   limits
	stats    AcceptMetrics
	failures failures
	retry    loop.Timeout
	layers   layers
	share    *share // of a GroupListener; nil of a Listener by itself
	gone     *away  // for its connections that have moved; see away

	// OnAccept is called for each connection, when its layer is ready if it has one. It should set the callbacks of the
	// connection; reading begins when it returns. Without OnAccept connections are
	// closed.
	OnAccept func(c *Conn)

	// OnError, if set, is called when the system could not give out a connection:
	// errors.Is(err, syscall.EMFILE) if the process is out of descriptors. The listener
	// tries again by itself, after 5 ms to 1 s, and connections wait in the backlog. The
	// log says it once a minute.
	//
	// It is called, too, for each connection whose layer did not get ready, and which OnAccept never
	// sees. err is a *net.OpError with the operation "handshake" and the addresses. After
	// LayerTimeout it is an os.ErrDeadlineExceeded. Without OnError the log says it, once a minute.
	OnError func(err error)

	// OnShutdown, if set, is called when Loop.Shutdown begins, for each open connection that
	// the listener has accepted. It may close a connection that is in the middle of nothing,
	// or tell its peer. Without OnShutdown connections go on until they end, or the time of
	// the Shutdown is over.
	OnShutdown func(c *Conn)

	// OnClose, if set, is called once after Close.
	OnClose func()
}

// Listen is for packages of networks; tcp and unix have a Listen for users. It opens a listener on
// the first of addrs that this machine has. If that one is taken it does not try the others.
// network and name, which is the address as its user wrote it, are for errors. Errors are
// *net.OpError: errors.Is(err, syscall.EADDRINUSE) if the address is taken, loop.ErrShutdown while
// the loop shuts down.
func Listen(lp *loop.Loop, network, name string, addrs []poller.Addr, o *Options) (*Listener, error) {
	return ListenFile(lp, network, name, addrs, poller.SocketFile{}, o)
}

// ListenFile is Listen for a network whose addresses are files, and says what becomes of those.
func ListenFile(lp *loop.Loop, network, name string, addrs []poller.Addr, f poller.SocketFile, o *Options) (*Listener, error) {
	if err := lp.Maker().Check("stream.Listen"); err != nil {
		return nil, err
	}
	err := MayListen(lp)
	if err == nil && len(addrs) == 0 {
		err = errInvalid
	}
	var p policy
	if err == nil {
		p, err = o.policy()
	}
	if err != nil {
		return nil, netop.NameError("listen", network, name, err)
	}
	ln := newListener(lp, network, p, o)
	if err := ln.setLimits(o); err != nil {
		return nil, netop.NameError("listen", network, name, err)
	}
	if err := lp.Maker().Attach(ln); err != nil {
		return nil, netop.NameError("listen", network, name, err)
	}
	var ls poller.Socket
	defer func() {
		if ls == nil { // this is so too if Options.Control panics
			lp.Maker().Detach(ln)
		}
	}()
	if ls, err = ln.open(addrs, f, o); err != nil {
		return nil, err
	}
	ln.begin(ls)
	return ln, nil
}

func newListener(lp *loop.Loop, network string, p policy, o *Options) *Listener {
	ln := &Listener{drain: o.drainTimeout(), layers: layersOf(o)}
	s := sharedOf(lp)
	ln.conf = s.conf(conf{shared: s, policy: p, network: network, ln: ln})
	ln.failures.logged = poller.Never
	return ln
}

// setLimits takes over what o limits.
func (ln *Listener) setLimits(o *Options) error {
	if o == nil {
		return nil
	}
	if o.MaxConns < 0 || !(o.AcceptRate >= 0) || o.AcceptBurst < 0 || o.AcceptPolicy > Refuse || o.MaxLayering < 0 {
		return errInvalid
	}
	ln.layers.most = o.MaxLayering
	ln.limits.conns, ln.limits.policy = o.MaxConns, o.AcceptPolicy
	ln.limits.setRate(o.AcceptRate, o.AcceptBurst)
	return nil
}

// open listens on the first of addrs that this machine has.
func (ln *Listener) open(addrs []poller.Addr, f poller.SocketFile, o *Options) (s poller.Socket, err error) {
	network := ln.conf.network
	p := o.socket()
	if f != (poller.SocketFile{}) {
		if p == nil {
			p = new(poller.Options)
		}
		p.File = f
	}
	for _, a := range addrs {
		s, err = ln.lp().Poller().Listen(a, o.controlled(p, network, a), (*acceptor)(ln))
		if err == nil {
			return s, nil
		}
		err = netop.Error("listen", network, poller.Addr{}, a, err)
		if !errors.Is(err, syscall.EAFNOSUPPORT) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
	}
	return nil, err
}

// begin starts to accept.
func (ln *Listener) begin(s poller.Socket) {
	ln.s, ln.addr = s, s.Addr()
	ln.retry.Init((*acceptor)(ln))
	ln.limits.refill.Init((*refills)(ln))
	ln.lp().SetActive(ln, true)
	s.Start()
}

// LocalAddr is the address listened on, also after Close.
func (ln *Listener) LocalAddr() poller.Addr { return ln.addr }

// Pause stops accepting until Resume: connections wait in the system's backlog. The listener
// keeps the loop running all the same.
func (ln *Listener) Pause() error {
	if err := ln.lp().Check("stream.Listener.Pause"); err != nil {
		return err
	}
	if ln.Closing() {
		return ln.closed("accept")
	}
	ln.stop(pausedByUser)
	return nil
}

// Resume undoes Pause.
func (ln *Listener) Resume() error {
	if err := ln.lp().Check("stream.Listener.Resume"); err != nil {
		return err
	}
	if ln.Closing() {
		return ln.closed("accept")
	}
	ln.allow(pausedByUser)
	return nil
}

// SetBacklog changes how many connections may wait to be accepted.
func (ln *Listener) SetBacklog(n int) error {
	if err := ln.lp().Check("stream.Listener.SetBacklog"); err != nil {
		return err
	}
	if ln.Closing() {
		return ln.closed("set")
	}
	if n != int(int32(n)) {
		return ln.fail("set", errInvalid)
	}
	if err := ln.s.SetOption(poller.BacklogSize, n); err != nil {
		return ln.fail("set", err)
	}
	return nil
}

// SyscallConn gives access to the descriptor, for options that have no method.
func (ln *Listener) SyscallConn() (syscall.RawConn, error) {
	if err := ln.lp().Check("stream.Listener.SyscallConn"); err != nil {
		return nil, err
	}
	if ln.Closing() {
		return nil, ln.closed("raw")
	}
	return netop.RawConn(ln.s, ln.Closing)
}

// Close stops listening. Connections that were accepted live on, but those whose layer is not
// ready; the system resets those that wait in the backlog. OnClose follows, and the address is free from then on.
func (ln *Listener) Close() error {
	lp := ln.lp()
	if err := lp.Check("stream.Listener.Close"); err != nil {
		return err
	}
	if ln.s == nil { // Options.Control runs, and there is no socket yet
		return ln.fail("close", syscall.EBUSY)
	}
	if !lp.BeginClose(ln) {
		return ln.closed("close")
	}
	lp.StopTimeout(&ln.retry)
	lp.StopTimeout(&ln.limits.refill)
	ln.s.Close()
	if ln.share != nil {
		ln.share.shut()
	}
	ln.closeLayering()
	return nil
}

// acceptor keeps the upcalls out of Listener's own methods.
type acceptor Listener

func (a *acceptor) Accepted(s poller.Stream) poller.StreamHandler {
	ln := (*Listener)(a)
	ln.failures.pause = 0
	switch {
	case ln.OnAccept == nil:
		ln.stats.Refused++
		ln.counted()
		return nil
	case ln.share != nil:
		return ln.share.accepted(s)
	case !ln.admit():
		return ln.refuse(s)
	}
	if c := ln.take(s); c != nil {
		return ln.own(c)
	}
	return nil
}

// take makes a connection of s; nil if the loop is closed.
func (ln *Listener) take(s poller.Stream) *Conn {
	c := newConn(ln.conf, ln.drain, s)
	if ln.lp().Attach(c) != nil {
		return nil
	}
	return c
}

// own begins the life of a connection, whose stream is to have the handler that it returns.
func (ln *Listener) own(c *Conn) poller.StreamHandler {
	ln.lp().SetActive(c, true)
	c.appear()
	ln.admitted()
	if ln.layers.layer != nil {
		return ln.startLayer(c)
	}
	return (*upcalls)(c)
}

func (ln *Listener) lp() *loop.Maker { return ln.Loop().Maker() }

func (a *acceptor) Closed() { a.Loop().Maker().EndClose((*Listener)(a), a) }

func (a *acceptor) Finished() {
	if a.OnClose == nil {
		return
	}
	a.Loop().Maker().Call((*Listener)(a), a.OnClose)
}
