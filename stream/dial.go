package stream

import (
	"context"
	"os"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// dialing is what a connection needs until it is made.
type dialing struct {
	c        *Conn
	fn       func(*Conn, error)
	to       Target
	addrs    []poller.Addr // still to be tried
	attempts []*attempt    // that are under way, oldest first
	user     *Options
	options  *poller.Options
	wait     time.Duration // before the next attempt
	until    poller.Time   // the end of Options.Timeout, or Never
	timeout  loop.Timeout  // of the whole
	delay    loop.Timeout  // of the next attempt
	stop     func() bool   // forgets the context
	cancel   context.CancelFunc
	job      *loop.Job // that resolves the name
	over     error     // the time is, and this says so; but answers are to be looked at first
	prolong  bool      // the answer of the resolver may have waited for the loop: what begins then is given time
	polled   uint64    // the turn, plus one, in which that was found out
	errs     attemptErrors
	layer    poller.Layer
	shaking  bool // one is connected, and layer gets ready on it
}

// A Target is what Dial connects to.
type Target struct {
	Network string        // "tcp", "unix": what errors say
	Name    string        // the address as its user wrote it
	Addrs   []poller.Addr // to be tried, in this order
	Host    string        // what a layer is told that was dialed: Name without a port

	// Find finds Addrs where there are none yet. It may block, and is called off the loop.
	Find func(ctx context.Context) ([]poller.Addr, error)
}

// Dial connects to a Target and calls fn once, from the loop, as tcp.Dial does, which is
// for users: of several addresses the first to answer is taken. Each is tried as soon as
// the one before it fails, or after Options.AttemptDelay; at most 8 at once, of which the
// oldest then makes room.
func Dial(ctx context.Context, lp *loop.Loop, to Target, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("stream.Dial"); err != nil {
		return nil, err
	}
	if lp == nil || ctx == nil || fn == nil || len(to.Addrs) == 0 && to.Find == nil {
		return nil, netop.NameError("dial", to.Network, to.Name, errInvalid)
	}
	p, err := o.policy()
	if err != nil {
		return nil, netop.NameError("dial", to.Network, to.Name, err)
	}
	s := sharedOf(lp)
	c := newConn(s.origin(origin{shared: s, policy: p, network: to.Network}), o.drainTimeout(), nil)
	c.streams, c.state = 0, connecting
	if err := lp.Maker().Attach(c); err != nil {
		return nil, netop.NameError("dial", to.Network, to.Name, err)
	}
	lp.Maker().SetActive(c, true)
	lp.Maker().Hold() // until connected, referenced or not
	d := &dialing{c: c, fn: fn, to: to, user: o, options: o.socket(), wait: o.attemptDelay(), until: poller.Never, layer: o.layer(true)}
	c.rare().dialing = d
	if err := context.Cause(ctx); err != nil {
		d.errs = attemptErrors{err}
		lp.Maker().Defer(d) // not from inside Dial
		return c, nil
	}
	d.bound(ctx, o)
	d.find(ctx)
	return c, nil
}

// error is the error of the dial as a whole.
func (d *dialing) error(err error) error {
	return netop.NameError("dial", d.to.Network, d.to.Name, err)
}

// bound arms the timeout and listens to ctx.
func (d *dialing) bound(ctx context.Context, o *Options) {
	lp := d.c.Loop()
	d.timeout.Init(d)
	d.delay.Init((*turn)(d))
	if o != nil && o.Timeout > 0 {
		d.until = lp.Maker().Poller().Now().Add(o.Timeout)
		lp.Maker().SetTimeout(&d.timeout, d.until)
	}
	if ctx.Done() != nil {
		d.stop = poller.AfterFunc(lp.Maker().Poller(), ctx, func() {
			lp.Post(func() {
				if ctx.Err() == context.DeadlineExceeded {
					d.late(context.Cause(ctx))
				} else {
					d.fail(context.Cause(ctx))
				}
			})
		})
	}
}

// find has the addresses found, and begins with the first.
func (d *dialing) find(ctx context.Context) {
	lp := d.c.Loop()
	if d.addrs = d.to.Addrs; len(d.addrs) > 0 {
		lp.Maker().Defer(d)
		return
	}
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	job, err := loop.Work(context.Background(), lp, func(context.Context) ([]poller.Addr, error) {
		return d.to.Find(ctx)
	}, d.found)
	if err != nil {
		d.errs = attemptErrors{err}
		lp.Maker().Defer(d)
		return
	}
	d.job = job
}

func (d *dialing) found(addrs []poller.Addr, err error) {
	d.job = nil
	if err != nil {
		d.fail(err)
		return
	}
	d.addrs = addrs
	d.Flush()
}

// Flush begins to connect, or tells what is in the way of that.
func (d *dialing) Flush() {
	if d.c.is(connecting) && !d.c.Closing() {
		d.try()
	}
}

// Expired is the end of Options.Timeout.
func (d *dialing) Expired(*loop.Timeout) {
	err := d.over
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	d.late(err)
}

// late ends a dial whose time is over, unless an answer has come and we were too
// late to look: it says how the dial ends.
func (d *dialing) late(err error) {
	lp := d.c.Loop()
	switch {
	case !d.c.is(connecting) || d.c.Closing():
	case d.job != nil && d.over == nil: // what was posted before this, the resolver's answer say, comes first
		d.over, d.prolong = err, true
		lp.Post(func() { d.late(err) })
	case d.answered():
		d.over = err
		lp.Maker().SetTimeout(&d.timeout, lp.Maker().Poller().Now())
	case d.prolong && len(d.attempts) > 0: // begun when the time was over, as the loop was late with the answer
		d.prolong = false
		lp.Maker().SetTimeout(&d.timeout, lp.Maker().Poller().Now().Add(d.wait))
	default:
		d.fail(err)
	}
}

// fail ends the dial with an error, besides those of the attempts.
func (d *dialing) fail(err error) {
	c := d.c
	if !c.is(connecting) || c.Closing() {
		return
	}
	if err != nil {
		d.errs = append(d.errs, err)
	}
	err = c.losing(d.errs.of(d))
	c.rare().err = err
	c.lp().BeginClose(c)
	c.cancelDial()
	c.connected(err)
}

// cancelDial has what is under way of a dial closed. The function given to Dial
// is told by Finished, if it has not been.
func (c *Conn) cancelDial() {
	c.state |= finished
	c.more.dialing.release(nil)
	if c.s != nil {
		c.bound()
	}
	c.ended()
}

// release lets go of what would interrupt the dial, and of all attempts but one.
func (d *dialing) release(won *attempt) {
	lp := d.c.lp()
	lp.StopTimeout(&d.timeout)
	lp.StopTimeout(&d.delay)
	if d.stop != nil {
		d.stop()
	}
	if d.cancel != nil {
		d.cancel()
	}
	if d.job != nil {
		d.job.Abandon() // a resolver may ignore its context
	}
	for _, a := range d.attempts {
		if a != won {
			a.s.Close()
		}
	}
	d.attempts, d.addrs = nil, nil
}

// connected tells how a dial ended, once. Nothing of the dial stays with the
// connection.
func (c *Conn) connected(err error) {
	d := c.more.dialing
	if d == nil {
		return
	}
	c.more.dialing = nil
	c.lp().Release()
	if err == nil {
		c.trim()
		c.state &^= connecting
		c.enter()
	}
	c.call(func(c *Conn) { d.fn(c, err) })
	if err == nil {
		c.begin()
	}
}

// trim gives up the memory of what most connections do without, if this one does.
func (c *Conn) trim() {
	if m := c.more; m.drain == defaultDrainTimeout && m.err == nil && m.deadline == 0 {
		c.more = nil
	}
}
