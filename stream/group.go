package stream

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Spread is how the connections of a GroupListener are divided among the loops of its group.
type Spread uint8

const (
	// SpreadDefault is SpreadBySystem where the system spreads, and else SpreadEvenly.
	SpreadDefault Spread = iota

	// SpreadBySystem gives each loop a socket of its own on the address, and the system chooses one for each
	// connection, by a hash of its addresses (SO_REUSEPORT of Linux and DragonFly, SO_REUSEPORT_LB of FreeBSD; see
	// socket(7)). It costs least, and no loop waits for another. The numbers of connections differ by chance, and
	// a connection that the hash gives to a loop that is busy waits for that one. Other sockets of the
	// same user may have the address, too, and get their part: a program that is started twice is not told
	// syscall.EADDRINUSE. Where the system does not spread it is errors.ErrUnsupported, and for paths.
	SpreadBySystem

	// SpreadEvenly has loop 0 accept for all, and hand each connection to the loop that has the fewest of them.
	// It works on every system, and for paths. A connection costs a message to another loop more.
	SpreadEvenly
)

// A GroupListener accepts connections on one address for all loops of a group. Each connection is on one of
// them, and so OnAccept and the callbacks of the connection run on the goroutine of that one, which
// Conn.Loop tells. Its methods may be called by any goroutine.
//
// MaxConns, MaxLayering, AcceptRate and AcceptBurst of its Options are limits of all loops together, and
// hold exactly. A loop that has accepted a connection which is one too many, because another loop was
// faster, keeps it until there is room, as if it were in the backlog.
//
// Group.Shutdown closes it, and calls OnShutdown for its connections.
type GroupListener struct {
	group   *loop.Group
	network string
	addr    poller.Addr
	spread  Spread
	shares  []*share
	whole   whole
	last    atomic.Uint32 // the share that was given a connection last
	unended atomic.Int32  // shares whose OnClose is to come

	mu     sync.Mutex
	closed bool

	// OnAccept is called for each connection, on its loop, as Listener.OnAccept is. All four functions are
	// called by several goroutines at a time. They are to be set before the group runs.
	OnAccept func(c *Conn)

	// OnError, if set, is called as Listener.OnError is.
	OnError func(err error)

	// OnShutdown, if set, is called for each open connection, on its loop, when that shuts down.
	OnShutdown func(c *Conn)

	// OnClose, if set, is called once, when the listener has closed on the last loop, and on that loop.
	OnClose func()
}

// ListenGroup is for packages of networks, as ListenFile is; tcp and unix have a ListenGroup for users.
func ListenGroup(g *loop.Group, network, name string, addrs []poller.Addr, f poller.SocketFile, o *Options) (*GroupListener, error) {
	failed := func(err error) (*GroupListener, error) { return nil, netop.NameError("listen", network, name, err) }
	if err := MayListenGroup(g); err != nil {
		return failed(err)
	}
	p, err := o.policy()
	if err == nil && (len(addrs) == 0 || o != nil && o.Spread > SpreadEvenly) {
		err = errInvalid
	}
	if err != nil {
		return failed(err)
	}
	gl := &GroupListener{group: g, network: network}
	begun := false
	defer func() {
		if !begun { // also if Options.Control panics
			gl.undo()
		}
	}()
	for i := range g.Len() {
		if err := gl.add(g.At(i), p, o); err != nil {
			return failed(err)
		}
	}
	gl.whole.set(o, gl.shares[0].ln.layers.layer != nil)
	if err := gl.open(addrs, f, o); err != nil {
		return nil, err
	}
	begun = true
	gl.unended.Store(int32(len(gl.shares)))
	for _, sh := range gl.shares {
		sh.begin()
	}
	return gl, nil
}

// MayListenGroup is why no listener of a group is opened, or nil.
func MayListenGroup(g *loop.Group) error {
	if g == nil {
		return errInvalid
	}
	if err := g.BeforeRun(); err != nil {
		return err
	}
	for i := range g.Len() {
		if err := MayListen(g.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// add makes the share of a loop.
func (gl *GroupListener) add(lp *loop.Loop, p policy, o *Options) error {
	ln := newListener(lp, gl.network, p, o)
	if err := ln.setLimits(o); err != nil {
		return err
	}
	ln.limits, ln.layers.most = limits{policy: ln.limits.policy}, 0 // which are those of the whole
	if err := lp.Maker().Attach(ln); err != nil {
		return err
	}
	first := gl.group.At(0).Maker().Poller()
	ln.share = &share{gl: gl, i: len(gl.shares), ln: ln, ahead: lp.Maker().Poller().Now().Sub(first.Now())}
	gl.shares = append(gl.shares, ln.share)
	return nil
}

// open opens the sockets.
func (gl *GroupListener) open(addrs []poller.Addr, f poller.SocketFile, o *Options) (err error) {
	if o != nil {
		gl.spread = o.Spread
	}
	byDefault := gl.spread == SpreadDefault
	switch {
	case byDefault && (addrs[0].Path != "" || len(gl.shares) == 1):
		gl.spread = SpreadEvenly
	case byDefault:
		gl.spread = SpreadBySystem
	case gl.spread == SpreadBySystem && addrs[0].Path != "":
		return netop.Error("listen", gl.network, poller.Addr{}, addrs[0], errors.ErrUnsupported)
	}
	if gl.spread == SpreadBySystem {
		var with Options
		if o != nil {
			with = *o
		}
		with.ReusePort = true
		for _, sh := range gl.shares {
			if sh.socket, err = sh.ln.open(addrs, f, &with); err != nil {
				break
			}
			addrs = []poller.Addr{sh.socket.Addr()} // the same one for all, and its port if that was 0
		}
		if err == nil || !byDefault || !errors.Is(err, errors.ErrUnsupported) {
			gl.addr = addrs[0]
			return err
		}
		gl.spread = SpreadEvenly
	}
	first := gl.shares[0]
	if first.socket, err = first.ln.open(addrs, f, o); err != nil {
		return err
	}
	gl.addr = first.socket.Addr()
	return nil
}

// undo is when the listener has not come about.
func (gl *GroupListener) undo() {
	for _, sh := range gl.shares {
		if sh.socket == nil {
			sh.ln.lp().Detach(sh.ln)
			continue
		}
		sh.ln.begin(sh.socket)
		sh.ln.Close()
	}
}

// LocalAddr is the address listened on, also after Close.
func (gl *GroupListener) LocalAddr() poller.Addr { return gl.addr }

// Spread is how connections are divided: SpreadBySystem or SpreadEvenly.
func (gl *GroupListener) Spread() Spread { return gl.spread }

// Metrics are the counters of all loops together, those of a moment each.
func (gl *GroupListener) Metrics() (sum AcceptMetrics) {
	for i := range gl.shares {
		m := gl.LoopMetrics(i)
		sum.Accepted += m.Accepted
		sum.Refused += m.Refused
		sum.Failed += m.Failed
		sum.Open += m.Open
		sum.Layering += m.Layering
		sum.LayerFailed += m.LayerFailed
	}
	return sum
}

// LoopMetrics are those of loop i. Open counts the connections, too, that are on their way to it.
func (gl *GroupListener) LoopMetrics(i int) AcceptMetrics {
	sh := gl.shares[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	m := sh.shown
	m.Open = int(sh.load.Load())
	return m
}

// Pause stops accepting on all loops until Resume, each as soon as it gets to that: connections wait in the
// system's backlog. The error is net.ErrClosed after Close, and when the group has ended.
func (gl *GroupListener) Pause() error { return gl.each("accept", func(ln *Listener) { ln.Pause() }) }

// Resume undoes Pause.
func (gl *GroupListener) Resume() error {
	return gl.each("accept", func(ln *Listener) { ln.Resume() })
}

// Close stops listening on all loops, each as soon as it gets to that. Connections live on, as those of
// Listener.Close do; what was accepted and is on its way to its loop is reset, as what is in the backlog. OnClose
// follows. Again it is net.ErrClosed.
func (gl *GroupListener) Close() error {
	gl.mu.Lock()
	was := gl.closed
	gl.closed = true
	gl.mu.Unlock()
	if was {
		return gl.fail("close", net.ErrClosed)
	}
	if !gl.post(func(ln *Listener) { ln.Close() }) {
		return gl.fail("close", net.ErrClosed)
	}
	return nil
}

func (gl *GroupListener) each(op string, fn func(ln *Listener)) error {
	gl.mu.Lock()
	closed := gl.closed
	gl.mu.Unlock()
	if closed || !gl.post(fn) {
		return gl.fail(op, net.ErrClosed)
	}
	return nil
}

// post has fn called for each share that is not closed, on its loop. It reports whether any loop is left.
func (gl *GroupListener) post(fn func(ln *Listener)) (posted bool) {
	for _, sh := range gl.shares {
		err := sh.ln.Loop().Post(func() {
			if !sh.ln.Closing() {
				fn(sh.ln)
			}
		})
		posted = err == nil || posted
	}
	return posted
}

func (gl *GroupListener) fail(op string, err error) error {
	return netop.Error(op, gl.network, poller.Addr{}, gl.addr, err)
}
