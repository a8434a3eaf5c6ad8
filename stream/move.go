package stream

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"example.com/pike/internal/closure"
	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// MoveTo has the connection go on on another loop, which may run on another goroutine. It stays the same Conn,
// and takes everything along: callbacks, Context, options, timeouts, limits, what is unread and what is
// queued, files to be sent, its layer, its place among the connections of its listener, and the
// OnShutdown that this has then. Nothing is lost, nothing comes twice, and the order stays.
//
// MoveTo returns at once. The connection is on its old loop until the callback that runs has returned, and
// may be called as ever. From then on it belongs to the new loop: only Post and AsyncWrite may be called
// elsewhere. What they have handed over before is done on the old loop yet, and so may callbacks come there
// until it has gone; what they hand over meanwhile waits for the new one. Functions of Loop.Post do not go along.
//
// fn, which may be nil, is called once: with nil on the new loop, before any other callback there. If the
// connection cannot go it is called with why on the old loop, where the connection goes on as if nothing had
// been: a layer that is not ready, or files that are being passed, are syscall.EBUSY, a loop that was closed is
// net.ErrClosed, one that shuts down loop.ErrShutdown, and what the system has no room for is its error. If the
// connection closes first fn is called with net.ErrClosed, before OnClose. A loop that is not running has the
// connection when it runs, or is closed.
//
// MoveTo itself returns what can be told at once, and fn is not called then. That is net.ErrClosed,
// loop.ErrShutdown and syscall.EBUSY as above; syscall.ENOTCONN before a dialed connection is made;
// syscall.EALREADY if it is on its way; os.ErrInvalid if lp is nil or the connection is joined; and
// errors.ErrUnsupported if a layer cannot move (see poller.Mover), and for pipes. On Windows a connection stays
// with the loop that has accepted or dialed it: fn is told errors.ErrUnsupported.
//
// A listener counts the connection (Options.MaxConns, Metrics) until it has ended, wherever it is.
// [SetLoopLimit] of the new loop is looked at from the next Write on.
func (c *Conn) MoveTo(lp *loop.Loop, fn func(c *Conn, err error)) error {
	if err := c.lp().Check("stream.Conn.MoveTo"); err != nil {
		return err
	}
	err := c.mayMove(lp)
	if err == nil {
		v := &moving{c: c, fn: fn}
		if err = c.lp().Move(c, lp, v); err == nil {
			c.makeRare().moving = v
			return nil
		}
	}
	return c.fail("move", err)
}

// mayMove is why the connection cannot go to lp, as far as can be said now.
func (c *Conn) mayMove(lp *loop.Loop) error {
	switch {
	case c.Closing():
		return net.ErrClosed
	case lp == nil, c.is(joined):
		return errInvalid
	case c.life == connecting:
		return syscall.ENOTCONN
	case c.life == shaking, c.carriesFiles():
		return syscall.EBUSY
	}
	if _, ok := lp.Maker().Poller().(poller.Attacher); !ok || !poller.CanMove(c.s) {
		return errors.ErrUnsupported
	}
	return nil
}

// carriesFiles reports whether files are queued that are to be passed. They are the poller's.
func (c *Conn) carriesFiles() bool {
	return c.rare != nil && c.rare.passing != nil && len(c.rare.passing.out) > 0
}

// A moving is a connection that moves; it is the loop.Traveler.
type moving struct {
	c    *Conn
	fn   func(c *Conn, err error)
	conf conf // what it is to have, without what the loop shares
	left poller.Time
	late bool  // left is by the clock of the new loop
	due  bool  // a flush is
	err  error // why it was stranded
}

// An away is a listener as those see it that it has accepted, and that are on another loop now.
type away struct {
	*Listener
	onShutdown func(c *Conn)
}

// away is the same for all that move while OnShutdown does.
func (ln *Listener) away() *away {
	if ln.gone == nil || closure.Of(ln.gone.onShutdown) != closure.Of(ln.OnShutdown) {
		ln.gone = &away{ln, ln.OnShutdown}
	}
	return ln.gone
}

// leftListener tells the listener that one of its connections has ended. That of a group is told when OnClose was told, or another
// loop would accept one more before that.
func (c *Conn) leftListener(told bool) {
	switch ln := c.conf.ln; {
	case ln == nil, told != (ln.share != nil):
	case c.conf.away != nil:
		ln.Loop().Post(ln.left) // if that loop is closed, nobody counts any more
	default:
		ln.left()
	}
}

// onShutdown is what is called when the loop shuts down.
func (c *Conn) onShutdown() func(c *Conn) {
	switch {
	case c.conf.away != nil:
		return c.conf.away.onShutdown
	case c.conf.ln != nil:
		return c.conf.ln.OnShutdown
	}
	return nil
}

// Leave takes the connection off its loop.
func (v *moving) Leave(to *loop.Loop) error {
	c := v.c
	if err := c.mayMove(to); err != nil {
		return err
	}
	layers := c.layers()
	for i, l := range layers {
		if err := l.Leave(); err != nil {
			c.enterLayers(layers[:i])
			return err
		}
	}
	if err := poller.Bottom(c.s).(poller.Detacher).Detach(); err != nil {
		c.enterLayers(layers)
		return err
	}
	v.pack(to)
	return nil
}

// layers are those of the connection, the topmost first.
func (c *Conn) layers() (all []poller.Mover) {
	for s := c.s; ; {
		l, ok := s.(poller.Mover)
		if !ok {
			return all
		}
		all = append(all, l)
		s = l.Below()
	}
}

// enterLayers has layers go on that have left.
func (c *Conn) enterLayers(layers []poller.Mover) {
	for _, l := range slices.Backward(layers) {
		l.Enter(env{c.Loop()})
	}
}

// pack takes out of the loop's hands what it has of the connection.
func (v *moving) pack(to *loop.Loop) {
	c, lp := v.c, v.c.lp()
	s, n := c.conf.shared, c.tally()
	if v.due = c.is(deferred); v.due {
		lp.Withdraw((*upcalls)(c))
		c.marks &^= deferred
	}
	if k := c.clock(); k != nil {
		lp.StopTimeout(&k.look)
	}
	v.left = c.now()
	if t, ok := to.Maker().Poller().(poller.Timekeeper); ok {
		v.shift(t.Time().Sub(v.left))
		v.late = true
	}
	c.forget() // before leave, which has those read on that are not paused any more
	c.stops &^= stopByLoop
	c.debts &^= oweExceeded
	s.unheard.forget(c)
	if o := c.out; o != nil {
		s.leave(o)
		n.Stream.Queued -= o.counted
	}
	if in := c.input(); in != nil {
		n.Stream.Unread -= in.counted
	}
	if c.owes(oweRelease) {
		lp.Release()
	}
	*stateOf(&n.Conns, c.life)--
	v.conf = *c.conf
	v.conf.shared = nil
	if ln := c.conf.ln; ln != nil && c.conf.away == nil {
		v.conf.away = ln.away()
	}
}

// shift has the times that the connection remembers be those of another clock.
func (v *moving) shift(by time.Duration) {
	k := v.c.clock()
	if k == nil {
		return
	}
	for _, t := range []*poller.Time{&k.read, &k.reading, &k.moved, &k.deadline, &k.sent} {
		if *t != 0 {
			*t += poller.Time(by)
		}
	}
	k.passed = 0
}

// Enter puts the connection on the loop that it is on now.
func (v *moving) Enter() error {
	c := v.c
	if err := c.lp().Poller().(poller.Attacher).Attach(poller.Bottom(c.s), nil); err != nil {
		return err
	}
	v.unpack()
	c.enterLayers(c.layers())
	if k := c.clock(); k != nil {
		k.wakeAt(c.now())
	}
	if v.due || c.out != nil {
		c.flushLater()
	}
	return nil
}

// unpack is what pack undoes.
func (v *moving) unpack() {
	c, lp := v.c, v.c.lp()
	s, n := sharedOf(c.Loop()), c.tally()
	v.conf.shared = s
	if ln := v.conf.ln; ln != nil {
		v.conf.ln = ln.moved(c.Loop())
		if v.conf.ln.Loop() == c.Loop() {
			v.conf.away = nil
		}
	}
	c.conf = s.conf(v.conf)
	if !v.late {
		v.shift(c.now().Sub(v.left))
	}
	if o := c.out; o != nil {
		s.add(o)
		s.queued += o.counted
		n.Stream.Queued += o.counted
	}
	if in := c.input(); in != nil {
		n.Stream.Unread += in.counted
	}
	if c.owes(oweRelease) {
		lp.Hold()
	}
	c.appear()
}

// Moved tells how it has ended.
func (v *moving) Moved(err error) {
	c := v.c
	if c.rare == nil || c.rare.moving != v { // it has ended, and fn was told
		return
	}
	c.rare.moving = nil
	c.trim()
	if err != nil {
		err = c.fail("move", err)
	}
	if v.fn != nil {
		c.during(func(c *Conn) { v.fn(c, err) })
	}
	if c.Closing() {
		return
	}
	if k := c.clock(); k != nil { // a move is no pause, after which the ReadTimeout begins anew
		defer func(at poller.Time) { k.reading = at }(k.reading)
	}
	c.startRead()
}

// stopMoving is when a connection has ended first.
func (c *Conn) stopMoving() {
	v := c.rare.moving
	if v == nil {
		return
	}
	c.rare.moving = nil
	err := v.err
	if err == nil {
		err = c.fail("move", net.ErrClosed)
	}
	if v.fn != nil {
		c.call(func(c *Conn) { v.fn(c, err) })
	}
}

// Strand ends the connection, as no loop can have it.
func (v *moving) Strand(err error) {
	c := v.c
	v.unpack()
	v.err = netop.Error("move", c.conf.network, poller.Addr{}, c.s.Peer(), err)
	c.makeRare().err = c.losing(v.err)
	c.lp().BeginClose(c)
	c.become(finished)
	poller.Bottom(c.s).Close() // no poller has it, and so it tells nobody
	c.streams = 0
	c.lp().EndClose(c, (*upcalls)(c))
}

// leave takes o out of the outputs of a loop, and add puts it there.
func (s *shared) leave(o *output) {
	n := len(s.busy) - 1
	last := s.busy[n]
	s.busy[o.at], last.at = last, o.at
	s.busy[n] = nil
	s.busy = s.busy[:n]
	s.queued -= o.counted
	if s.over && s.queued <= s.loopLimit.Bytes/2 {
		s.over = false
		s.relieve()
	}
	if k := o.file(); k != nil && k.reading {
		o.ends[o.head].in = &k.renewed().at
	}
}

func (s *shared) add(o *output) {
	o.at = int32(len(s.busy))
	s.busy = append(s.busy, o)
}

// renewed is k without the job that reads a piece of it. That job belongs to the loop that began it, and
// what it reads is read again.
func (k *segment) renewed() *segment {
	n := &segment{c: k.c, f: k.f, off: k.off, left: k.left, copied: k.copied}
	n.at = chunk{class: unpooled, users: 1, file: n}
	k.gone, k.c = true, &Conn{conf: k.c.conf}
	return n
}

// forget takes c out of the lists.
func (u *unheard) forget(c *Conn) {
	is := func(o *Conn) bool { return o == c }
	u.alone = slices.DeleteFunc(u.alone, func(a alone) bool { return a.c == c })
	if !c.is(noReader) {
		return
	}
	c.marks &^= noReader
	u.hot, u.cold = slices.DeleteFunc(u.hot, is), slices.DeleteFunc(u.cold, is)
	if len(u.hot)+len(u.cold) == 0 {
		u.lp.Maker().EachTurn(u, false)
	}
}

var _ loop.Traveler = (*moving)(nil)
