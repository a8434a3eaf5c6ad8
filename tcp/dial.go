package tcp

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// dialing is what a connection needs until it is made.
type dialing struct {
	c        *Conn
	fn       func(*Conn, error)
	addr     string // as the user wrote it
	port     uint16
	ips      []netip.Addr // still to be tried
	attempts []*attempt   // that are under way, oldest first
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
}

// Dial connects to "host:port" and calls fn once, from the loop: with a
// connection that can be read from and written to, or with the error. The
// connection it returns is the same one, for Close to give up, and for Write,
// whose output waits. fn should set the callbacks; reading begins when it
// returns.
//
// A host that is a name is resolved off the loop, by loop.Options.Resolver. No
// host, or an unspecified address, is this machine. Of several addresses the
// first to answer is taken (happy eyeballs, RFC 8305): they are tried in the resolver's
// order, with the two families in turn; the next one as soon as one fails, or
// after Options.AttemptDelay; at most 8 at once, of which the oldest then makes
// room. What is not taken is closed.
//
// After an error the connection is closed: it needs no Close, and OnClose, where
// it was set, follows. errors.Is tells os.ErrDeadlineExceeded (Options.Timeout),
// net.ErrClosed (Close), syscall.ECONNREFUSED and the like. If several
// addresses have failed it tells of each, and the text begins with the first.
//
// The error returned is of the call itself (an address that cannot be, options
// that make no sense, a closed loop, os.ErrInvalid for a nil fn, loop or context):
// fn is then not called.
func Dial(lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	return DialContext(context.Background(), lp, addr, o, fn)
}

// DialContext is Dial, and gives up with ctx's cause when ctx ends. Once the
// connection is made ctx has no effect on it.
func DialContext(ctx context.Context, lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("tcp.Dial"); err != nil {
		return nil, err
	}
	if lp == nil || ctx == nil || fn == nil {
		return nil, addrError("dial", addr, errInvalid)
	}
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, addrError("dial", addr, err)
	}
	p, err := o.policy()
	if err != nil {
		return nil, addrError("dial", addr, err)
	}
	s := sharedOf(lp)
	c := newConn(s.origin(origin{shared: s, policy: p}), o.drainTimeout(), nil)
	c.streams, c.state = 0, connecting
	if err := lp.Maker().Attach(c); err != nil {
		return nil, addrError("dial", addr, err)
	}
	lp.Maker().SetActive(c, true)
	lp.Maker().Hold() // until connected, referenced or not
	d := &dialing{c: c, fn: fn, addr: addr, port: port, user: o, options: o.socket(), wait: o.attemptDelay(), until: poller.Never}
	c.rare().dialing = d
	if err := context.Cause(ctx); err != nil {
		d.errs = attemptErrors{err}
		lp.Maker().Defer(d) // not from inside Dial
		return c, nil
	}
	d.bound(ctx, o)
	d.resolve(ctx, host)
	return c, nil
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

// resolve finds the addresses of host and begins with the first.
func (d *dialing) resolve(ctx context.Context, host string) {
	if ips := literal(host); ips != nil {
		d.ips = ips
		d.c.lp().Defer(d)
		return
	}
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	lp := d.c.Loop()
	job, err := loop.Work(context.Background(), lp, func(context.Context) ([]netip.Addr, error) {
		return lp.Resolver().LookupNetIP(ctx, "ip", host)
	}, d.resolved)
	if err != nil {
		d.errs = attemptErrors{err}
		lp.Maker().Defer(d)
		return
	}
	d.job = job
}

func (d *dialing) resolved(ips []netip.Addr, err error) {
	d.job = nil
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: d.addr, IsNotFound: true}
	}
	if err != nil {
		d.fail(err)
		return
	}
	d.ips = interleave(ips)
	d.Flush()
}

// literal is the addresses of a host that is no name, or nil.
func literal(host string) []netip.Addr {
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && ip.Unmap() == netip.IPv4Unspecified():
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	case err != nil:
		return nil
	case ip == netip.IPv6Unspecified():
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return []netip.Addr{ip.Unmap()}
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
	err = c.losing(d.errs.of(d.addr))
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
	d.attempts, d.ips = nil, nil
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
