package iocp

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/fifo"
	"example.com/pike/poller/internal/sys"
)

// A listener has several accepts with the system, each with the socket that the
// connection will be. When it is stopped they are cancelled, so that connections
// wait in the backlog; what they have brought by then waits for Start.
type listener struct {
	source
	a       poller.Acceptor
	accepts [acceptsInFlight]accept
	arrived fifo.Queue[*accept] // in the order of completion
	inherit sys.Inheritance
	lent    bool  // what it hands on may have a time to linger
	failure error // how Start failed
	bad     int   // accepts that failed, in a row
}

// An accept is one AcceptEx.
type accept struct {
	op
	h      windows.Handle // of the connection
	buf    sys.AcceptBuffer
	filled bool // is in arrived
}

func (p *iocp) Listen(addr poller.Addr, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	if o == nil {
		o = new(poller.Options)
	}
	if sys.IsPipeName(addr.Path) {
		return p.listenPipe(addr.Path, o, a)
	}
	h, family, err := p.socket(addr, windows.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	l := &listener{a: a, lent: o.Control != nil}
	if err := p.listen(l, h, family, addr, o); err != nil {
		windows.Closesocket(h)
		return nil, err
	}
	for i := range l.accepts {
		l.accepts[i].h = windows.InvalidHandle
	}
	p.add(l, h, family)
	return l, nil
}

func (p *iocp) listen(l *listener, h windows.Handle, family int, addr poller.Addr, o *poller.Options) error {
	if err := sys.ApplyShare(h, family, o, false); err != nil {
		return err
	}
	if err := l.inherit.Apply(h, family, o); err != nil {
		return err
	}
	if err := p.control(h, o); err != nil {
		return err
	}
	if err := p.bindTo(h, family, addr); err != nil {
		return err
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = windows.SOMAXCONN // as many as the provider finds reasonable (listen)
	}
	return sys.Fault("listen", windows.Listen(h, backlog))
}

func (l *listener) Start() {
	if l.started || l.closing {
		return
	}
	l.started = true
	if l.arrived.Len() > 0 {
		l.later(l)
	}
	if err := l.arm(); err != nil {
		l.failure = err
		l.failLater(l)
	}
}

func (l *listener) Stop() {
	if l.started = false; l.inflight > 0 {
		sys.Cancel(l.h)
	}
}

func (l *listener) Close() {
	if !l.closing {
		l.shut(l)
	}
}

// arm begins every accept that is idle.
func (l *listener) arm() error {
	for i := range l.accepts {
		if a := &l.accepts[i]; !a.out && !a.filled {
			if err := l.begin(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin begins an accept. One that fails at once for the sake of its connection
// is tried again.
func (l *listener) begin(a *accept) error {
	for {
		if a.h == windows.InvalidHandle {
			h, err := sys.NewSocket(int(l.family), windows.SOCK_STREAM)
			if err != nil {
				return err
			}
			a.h = h
		}
		l.prepare(&a.op, l)
		e := sys.AcceptEx(l.h, a.h, &a.buf, &l.p.scratch.N, a.system())
		switch {
		case l.began(&a.op, e):
			return nil
		case e == 0:
			l.arrive(a)
			l.later(l)
			return nil
		case l.bad == failuresToStop:
			l.bad = 0
			return sys.CallError("acceptex", e)
		}
		l.bad++
		a.drop()
	}
}

func (l *listener) arrive(a *accept) {
	l.bad, a.filled = 0, true
	l.arrived.Push(a)
}

// drop closes the socket of an accept.
func (a *accept) drop() {
	if a.h != windows.InvalidHandle {
		windows.Closesocket(a.h)
		a.h = windows.InvalidHandle
	}
}

// completed is the end of an accept. An error is of the connection, which its peer may have
// given up: the accept is begun again.
func (l *listener) completed(o *op, _ int, e sys.Errno) {
	a := (*accept)(unsafe.Pointer(o))
	if e == 0 {
		l.arrive(a)
		l.proceed()
		return
	}
	a.drop()
	if !l.started {
		return // Start begins it again
	}
	if e == windows.ERROR_OPERATION_ABORTED { // stopped, and started again
		l.bad--
	}
	if l.bad++; l.bad > failuresToStop {
		l.bad = 0
		l.fails(sys.CallError("acceptex", e))
	} else if err := l.begin(a); err != nil {
		l.fails(err)
	}
}

// proceed hands over what has arrived. What arrives at once meanwhile is for the
// next Poll.
func (l *listener) proceed() {
	for n := l.arrived.Len(); n > 0 && l.started && l.arrived.Len() > 0; n-- {
		a := l.arrived.Pop()
		a.filled = false
		if n > 1 { // or a handler's panic would leave them waiting
			l.later(l)
		}
		h := a.h
		a.h = windows.InvalidHandle
		s, err := l.connection(h, a)
		if err == nil {
			err = l.begin(a)
		}
		if err != nil { // told later: a handler's panic would leave it untold
			l.failure = err
			l.failLater(l)
		}
		if s != nil {
			l.handOver(s)
		}
	}
}

func (l *listener) handOver(s *stream) {
	h := l.a.Accepted(s)
	if l.p.left == s { // it is not ours to touch any more
		l.p.left = nil
		return
	}
	if s.handler = h; h == nil {
		s.Close()
	}
	if !s.closing {
		s.handler.Connected(nil)
	}
	s.arm() // also if nobody has started it, for the loss of the connection
}

// connection makes a stream of h, which a has accepted; none, and no error, if the
// connection is gone.
func (l *listener) connection(h windows.Handle, a *accept) (*stream, error) {
	s := &stream{peer: sys.AcceptedPeer(&a.buf, &l.p.scratch), lent: l.lent, loose: true}
	// Without it the socket does not know that it is connected, and has none of the
	// listener's properties (AcceptEx, Remarks).
	err := windows.Setsockopt(h, windows.SOL_SOCKET, windows.SO_UPDATE_ACCEPT_CONTEXT,
		(*byte)(unsafe.Pointer(&l.h)), int32(unsafe.Sizeof(l.h)))
	if err != nil {
		windows.Closesocket(h)
		return nil, nil
	}
	if e := sys.SetNonblock(h, &l.p.scratch); e != 0 {
		windows.Closesocket(h)
		return nil, sys.CallError("ioctlsocket", e)
	}
	l.inherit.Pass(h, int(l.family), &s.keep)
	l.p.add(s, h, int(l.family))
	return s, nil
}

// fails stops the listener and says why.
func (l *listener) fails(err error) {
	l.Stop()
	l.a.Failed(err)
}

// fail says that Start could not begin an accept.
func (l *listener) fail() {
	if l.started {
		l.fails(l.failure)
	}
}

func (l *listener) end() {
	l.abandon()
	l.a.Closed()
}

func (l *listener) abandon() {
	for i := range l.accepts {
		if a := &l.accepts[i]; a.h != windows.InvalidHandle {
			sys.SetLinger(a.h, 0) // a connection that nobody was given is reset
			a.drop()
		}
	}
	l.release()
}

func (l *listener) SetOption(o poller.Option, v int) error {
	if l.closing {
		return net.ErrClosed
	}
	l.lent = l.lent || o == poller.Linger
	return l.inherit.SetOption(l.h, int(l.family), o, v)
}

// Fd is for what pike does not know of.
func (l *listener) Fd() uintptr {
	l.lent = true
	return l.source.Fd()
}

func (l *listener) Option(o poller.Option) (int, error) {
	if l.closing {
		return 0, net.ErrClosed
	}
	return l.inherit.Keep.Option(l.h, int(l.family), o)
}
