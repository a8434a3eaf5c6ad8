package tcp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// dialing is what a connection needs until it is made.
type dialing struct {
	c       *Conn
	fn      func(*Conn, error)
	addr    string // as the user wrote it
	port    uint16
	ips     []netip.Addr // still to be tried
	options *poller.Options
	timeout loop.Timeout  // of the whole
	share   loop.Timeout  // of the address that is being tried
	stop    []func() bool // forget the contexts
	cancel  context.CancelFunc
	job     *loop.Job // that resolves the name
	err     error     // of the first address that failed
}

// Dial connects to "host:port" and calls fn once, from the loop: with a
// connection that can be read from and written to, or with the error. The
// connection it returns is the same one, for Close to give up, and for Write,
// whose output waits. fn should set the callbacks; reading begins when it
// returns.
//
// A host that is a name is resolved off the loop, and its addresses are tried
// in order, each but the last with its share of the time; no host, or an
// unspecified address, is this machine. After an error the connection is
// closed: it needs no Close, and OnClose, where it was set, follows. errors.Is
// tells os.ErrDeadlineExceeded (Options.Timeout), net.ErrClosed (Close),
// syscall.ECONNREFUSED and the like.
//
// The error returned is of the call itself (an address that cannot be, a nil
// fn, a closed loop): fn is then not called.
func Dial(lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	return DialContext(context.Background(), lp, addr, o, fn)
}

// DialContext is Dial, and gives up with ctx's cause when ctx ends. Once the
// connection is made ctx has no effect on it.
func DialContext(ctx context.Context, lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	lp.Check("tcp.Dial")
	if fn == nil {
		return nil, addrError("dial", addr, errInvalid)
	}
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, addrError("dial", addr, err)
	}
	c := newConn(sharedOf(lp), o.drainTimeout(), nil)
	c.streams, c.state = 0, connecting
	if err := lp.Attach(c); err != nil {
		return nil, addrError("dial", addr, err)
	}
	lp.SetActive(c, true)
	lp.Hold() // until connected, referenced or not
	d := &dialing{c: c, fn: fn, addr: addr, port: port, options: o.socket()}
	c.rare().dialing = d
	if err := context.Cause(ctx); err != nil {
		d.err = err
		lp.Defer(d) // not from inside Dial
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
	d.share.Init((*turn)(d))
	if o != nil && o.Timeout > 0 {
		lp.SetTimeout(&d.timeout, lp.Poller().Now().Add(o.Timeout))
	}
	if ctx.Done() != nil {
		d.stop = append(d.stop, context.AfterFunc(ctx, func() {
			lp.Post(func() { d.fail(context.Cause(ctx)) })
		}))
	}
}

// resolve finds the addresses of host and begins with the first.
func (d *dialing) resolve(ctx context.Context, host string) {
	if ips := literal(host); ips != nil {
		d.ips = ips
		d.c.Loop().Defer(d)
		return
	}
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	lp := d.c.Loop()
	job, err := loop.Work(context.Background(), lp, func(context.Context) ([]netip.Addr, error) {
		return lp.Resolver().LookupNetIP(ctx, "ip", host)
	}, d.resolved)
	if err != nil {
		d.err = err
		lp.Defer(d)
		return
	}
	d.job = job
}

func (d *dialing) resolved(ips []netip.Addr, err error) {
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: d.addr, IsNotFound: true}
	}
	if err != nil {
		d.fail(err)
		return
	}
	d.ips = ips
	d.Flush()
}

// literal is the addresses of a host that is no name, or nil.
func literal(host string) []netip.Addr {
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && ip == netip.IPv4Unspecified():
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	case err != nil:
		return nil
	case ip == netip.IPv6Unspecified():
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return []netip.Addr{ip.Unmap()}
}

// Flush tries the next address.
func (d *dialing) Flush() {
	c := d.c
	if !c.is(connecting) || c.Closing() {
		return
	}
	for len(d.ips) > 0 {
		ap := netip.AddrPortFrom(d.ips[0], d.port)
		d.ips = d.ips[1:]
		s, err := c.Loop().Poller().Dial(poller.AddrOf(ap), d.options, (*upcalls)(c))
		if err == nil {
			c.s = s
			c.streams++
			d.boundTry()
			return
		}
		d.note(opError("dial", netip.AddrPort{}, ap, err))
	}
	d.fail(d.err)
}

// A try that is not the last has its share of the time that is left, but this
// at least; without Options.Timeout it has tryTime.
const (
	leastTry = 2 * time.Second
	tryTime  = 10 * time.Second
)

// boundTry keeps an address that does not answer from using up the time of
// those behind it.
func (d *dialing) boundTry() {
	lp := d.c.Loop()
	lp.StopTimeout(&d.share)
	if len(d.ips) == 0 {
		return
	}
	now, wait := lp.Poller().Now(), tryTime
	if d.timeout.Armed() {
		wait = max(leastTry, d.timeout.Due().Sub(now)/time.Duration(len(d.ips)+1))
	}
	lp.SetTimeout(&d.share, now.Add(wait))
}

// turn is a dialing when its present address has had its time.
type turn dialing

func (t *turn) Expired(*loop.Timeout) {
	d := (*dialing)(t)
	d.next(os.ErrDeadlineExceeded)
}

// next gives up on the present address.
func (d *dialing) next(err error) {
	c := d.c
	d.note(opError("dial", netip.AddrPort{}, c.RemoteAddr(), err))
	if len(d.ips) == 0 {
		d.fail(d.err)
		return
	}
	c.s.Close()
	d.Flush()
}

func (d *dialing) note(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Expired is the end of Options.Timeout.
func (d *dialing) Expired(*loop.Timeout) { d.fail(os.ErrDeadlineExceeded) }

// fail ends the dial with an error.
func (d *dialing) fail(err error) {
	c := d.c
	if !c.is(connecting) || c.Closing() {
		return
	}
	var op *net.OpError
	if !errors.As(err, &op) {
		err = addrError("dial", d.addr, err)
	}
	c.rare().err = err
	c.Loop().BeginClose(c)
	c.cancelDial()
	c.connected(err)
}

// cancelDial has what is under way of a dial closed. The function given to Dial
// is told by Finished, if it has not been.
func (c *Conn) cancelDial() {
	c.state |= finished
	c.more.dialing.release()
	if c.s != nil {
		c.s.Close()
	}
	c.ended()
}

// release lets go of what would interrupt the dial.
func (d *dialing) release() {
	d.c.Loop().StopTimeout(&d.timeout)
	d.c.Loop().StopTimeout(&d.share)
	for _, stop := range d.stop {
		stop()
	}
	if d.cancel != nil {
		d.cancel()
	}
	if d.job != nil {
		d.job.Cancel()
	}
}

func (u *upcalls) Connected(err error) {
	c := (*Conn)(u)
	d := c.more.dialing
	if err == nil && c.s.Addr() == c.s.Peer() && c.s.Addr().AddrPort.IsValid() {
		// Nobody listened, and the system chose the very port that was dialed to
		// dial from: TCP connects such a socket to itself (RFC 9293, 3.5).
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	if err == nil {
		c.connected(nil)
		return
	}
	d.next(err)
}

// connected tells how a dial ended, once.
func (c *Conn) connected(err error) {
	d := c.more.dialing
	if d == nil {
		return
	}
	c.more.dialing = nil
	c.Loop().Release()
	d.release()
	if err == nil {
		c.state &^= connecting
		c.enter()
	}
	c.call(func(c *Conn) { d.fn(c, err) })
	if err == nil {
		c.begin()
	}
}
