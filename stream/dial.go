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
	over     error     // says that the time is over, while answers are still to be looked at
	prolong  bool      // the loop may have been late with the answer of the resolver: attempts are given time
	passed   nextPoll  // after the time of an attempt
	errs     attemptErrors
	deadline poller.Time // of SetReadDeadline; 0 is none
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

// Dial is for packages of networks; tcp and unix have a Dial for users. It connects to a Target and
// calls fn once, from the loop. Of several addresses the first to answer is taken. Each is tried as
// soon as the one before it fails, or after Options.AttemptDelay. At most 8 are tried at once: for
// one more the oldest is given up.
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
	c := newConn(s.conf(conf{shared: s, policy: p, network: to.Network}), o.drainTimeout(), nil)
	c.streams, c.life = 0, connecting
	if err := lp.Maker().Attach(c); err != nil {
		return nil, netop.NameError("dial", to.Network, to.Name, err)
	}
	lp.Maker().SetActive(c, true)
	c.appear()
	lp.Maker().Hold() // until connected is called, whether c is referenced or not
	d := &dialing{c: c, fn: fn, to: to, user: o, options: o.socket(), wait: o.attemptDelay(), until: poller.Never, layer: o.layer(true)}
	c.makeRare().dialing = d
	if err := context.Cause(ctx); err != nil {
		d.errs = attemptErrors{err}
		lp.Maker().Defer(d) // fn is not called from inside Dial
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
	d.delay.Init((*nextAddr)(d))
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
	if d.c.life == connecting {
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

// late ends a dial whose time is over. If an answer has come, and we have not looked at it yet, that
// says how the dial ends.
func (d *dialing) late(err error) {
	lp := d.c.Loop()
	switch {
	case d.c.life != connecting:
	case d.job != nil && d.over == nil: // what was posted before comes first: it may be the resolver's answer
		d.over, d.prolong = err, true
		lp.Post(func() { d.late(err) })
	case d.answered():
		d.over = err
		lp.Maker().SetTimeout(&d.timeout, lp.Maker().Poller().Now())
	case d.prolong && len(d.attempts) > 0: // they began when the time was over, because the loop was late
		d.prolong = false
		lp.Maker().SetTimeout(&d.timeout, lp.Maker().Poller().Now().Add(d.wait))
	default:
		d.fail(err)
	}
}

// fail ends the dial with an error, besides those of the attempts.
func (d *dialing) fail(err error) {
	c := d.c
	if c.life != connecting {
		return
	}
	if err != nil {
		d.errs = append(d.errs, err)
	}
	err = c.losing(d.errs.of(d))
	c.makeRare().err = err
	c.lp().BeginClose(c)
	c.cancelDial()
	c.connected(err)
}

// cancelDial closes what is under way of a dial. If the function given to Dial was not called
// yet, Finished calls it.
func (c *Conn) cancelDial() {
	c.become(finished)
	c.rare.dialing.release(nil)
	if c.s != nil {
		c.bound()
	}
	c.finishWhenClosed()
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
		d.job.Abandon() // because a resolver may ignore its context
	}
	for _, a := range d.attempts {
		if a != won {
			a.s.Close()
		}
	}
	d.attempts, d.addrs = nil, nil
}

// connected tells how a dial has ended, once. Nothing of the dial stays with the connection.
func (c *Conn) connected(err error) {
	d := c.rare.dialing
	if d == nil {
		return
	}
	c.rare.dialing = nil
	c.lp().Release()
	tell := func(c *Conn) { d.fn(c, err) }
	if err != nil {
		c.call(tell)
		return
	}
	c.trim()
	c.become(open)
	if d.deadline != 0 {
		c.startClock().deadline = d.deadline
	}
	c.debts |= oweFlush // of what was asked for meanwhile: CloseWrite alone queues nothing
	c.during(tell)
	c.begin()
}

// trim gives up c.rare, if this connection does without.
func (c *Conn) trim() {
	if c.rare.idle() {
		c.rare = nil
	}
}
