package stream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Several addresses are tried side by side (happy eyeballs, RFC 8305).
const (
	attemptDelay      = 250 * time.Millisecond // recommended in section 5
	leastAttemptDelay = 10 * time.Millisecond  // section 5: no less, so as not to flood a network
	attemptsMost      = 8                      // descriptors that a name with many addresses may take
	leastTry          = 2 * time.Second        // for an address that is tried alone: a second request comes after 1 s (RFC 6298)
)

func (o *Options) attemptDelay() time.Duration {
	if o == nil || o.AttemptDelay == 0 {
		return attemptDelay
	}
	return max(o.AttemptDelay, leastAttemptDelay)
}

// An attempt is one address being connected to. The one that wins stays the handler of its stream,
// and so it is small.
type attempt struct {
	c *Conn
	s poller.Stream
}

// try begins with the next address. It is called again when that has failed, or has had its
// time.
func (d *dialing) try() {
	c := d.c
	lp := c.lp()
	lp.StopTimeout(&d.delay)
	if d.shaking {
		return
	}
	if d.alone() && c.streams > 0 { // Closed comes when the port is free, and tries again
		if len(d.attempts) > 0 {
			d.giveUp(d.attempts[0], os.ErrDeadlineExceeded)
		}
		return
	}
	for len(d.addrs) > 0 {
		addr := d.addrs[0]
		d.addrs = d.addrs[1:]
		if len(d.attempts) == attemptsMost {
			d.giveUp(d.attempts[0], os.ErrDeadlineExceeded)
		}
		a := &attempt{c: c}
		s, err := d.open(addr, a)
		if err != nil {
			if c.Closing() {
				c.finishWhenClosed()
				return
			}
			d.errs = append(d.errs, d.failed(addr, err))
			continue
		}
		a.s, c.s = s, s
		if c.Closing() {
			s.Close()
			return
		}
		d.attempts = append(d.attempts, a)
		if len(d.addrs) > 0 {
			lp.SetTimeout(&d.delay, lp.Poller().Now().Add(d.span()))
		}
		return
	}
	if len(d.attempts) == 0 {
		d.fail(nil)
	}
}

// open begins to connect. The stream is counted before Options.Control runs, because that may close
// the connection. If Control panics, the next address is tried.
func (d *dialing) open(addr poller.Addr, a *attempt) (s poller.Stream, err error) {
	c := d.c
	c.streams++
	returned := false
	defer func() {
		if s == nil {
			c.streams--
		}
		if !returned {
			d.errs = append(d.errs, d.failed(addr, errPanicked))
			if c.Closing() {
				c.finishWhenClosed()
			}
			c.lp().Defer(d)
		}
	}()
	s, err = c.lp().Poller().Dial(addr, d.control(addr), a)
	returned = true
	return s, err
}

// control is the poller's part of the options for one address.
func (d *dialing) control(addr poller.Addr) *poller.Options {
	if d.user == nil || d.user.Control == nil {
		return d.options
	}
	return guarded(d.c.Loop(), d.c, d.user.controlled(d.options, d.to.Network, addr))
}

// failed is the error of an attempt at addr.
func (d *dialing) failed(addr poller.Addr, err error) error {
	return netop.Error("dial", d.to.Network, poller.Addr{}, addr, err)
}

// alone reports whether attempts come one after the other. They do if they are all from one port,
// because one must be gone before the next can have the port.
func (d *dialing) alone() bool { return d.options != nil && d.options.Local.Port() != 0 }

// span is how long the address that is tried now has before the next one.
func (d *dialing) span() time.Duration {
	switch {
	case !d.alone() || d.user.AttemptDelay != 0:
		return d.wait
	case d.until == poller.Never:
		return leastTry
	}
	left := d.until.Sub(d.c.lp().Poller().Now())
	return max(left/time.Duration(len(d.addrs)+1), leastTry)
}

// giveUp closes an attempt that has come to nothing.
func (d *dialing) giveUp(a *attempt, err error) {
	if peer := a.s.Peer(); peer.IsValid() { // else the error of the dial has the name
		err = d.failed(peer, err)
	}
	d.errs = append(d.errs, err)
	for i, o := range d.attempts {
		if o == a {
			d.attempts = append(d.attempts[:i], d.attempts[i+1:]...)
			break
		}
	}
	a.s.Close()
}

// nextAddr is a dialing when the next address is due.
type nextAddr dialing

// Expired tries the next address, unless an answer has come that a Poll has still to tell.
func (t *nextAddr) Expired(*loop.Timeout) {
	d := (*dialing)(t)
	lp := d.c.lp()
	if d.answered() {
		lp.SetTimeout(&d.delay, lp.Poller().Now())
		return
	}
	d.passed = 0
	d.try()
}

// answered reports whether a Poll has still to tell how one of the attempts has ended. Where
// streams cannot say that, one more Poll is waited for.
func (d *dialing) answered() bool {
	for _, a := range d.attempts {
		f, ok := poller.As[poller.Foreteller](a.s)
		if !ok || d.shaking { // what has come for a layer need not be its last
			return !d.passed.over(d.c.Loop())
		}
		if _, ev := f.Untold(); ev != 0 {
			return true
		}
	}
	return false
}

// Connected is how an attempt has ended.
func (a *attempt) Connected(err error) {
	c := a.c
	if c.life != connecting {
		return
	}
	d := c.rare.dialing
	if d.shaking && err != nil {
		d.fail(d.handshaken(err))
		return
	}
	if err == nil && a.s.Addr() == a.s.Peer() && a.s.Addr().AddrPort.IsValid() {
		// Nobody listened, and the system dialed from the very port that was dialed: TCP
		// connects such a socket to itself (RFC 9293, 3.5).
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	if err != nil {
		d.giveUp(a, err)
		d.try()
		return
	}
	if d.layer != nil && !d.shaking {
		d.shake(a)
		return
	}
	c.s = a.s
	d.release(a)
	c.connected(nil)
}

func (a *attempt) Received(p []byte, err error) { (*upcalls)(a.c).Received(p, err) }
func (a *attempt) Sent(err error)               { (*upcalls)(a.c).Sent(err) }

// Closed goes on with a dial that has waited for the port.
func (a *attempt) Closed() {
	c := a.c
	(*upcalls)(c).Closed()
	if c.life == connecting && c.rare.dialing.alone() {
		c.rare.dialing.try()
	}
}

// attemptErrors are why no address could be connected to, in the order of the
// failures.
type attemptErrors []error

// namedMost is how many of them the text of the error has.
const namedMost = 4

func (e attemptErrors) Error() string {
	var text []string
	for i, err := range e {
		if i == namedMost {
			text = append(text, fmt.Sprintf("and %d more", len(e)-namedMost))
			break
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Addr != nil { // the whole says what was done
			text = append(text, op.Addr.String()+": "+op.Err.Error())
		} else {
			text = append(text, err.Error())
		}
	}
	return strings.Join(text, "; ")
}

func (e attemptErrors) Unwrap() []error { return e }

// Timeout reports whether the last was a timeout, which ended the dial.
func (e attemptErrors) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e[len(e)-1], &t) && t.Timeout()
}

// of is the error of a dial.
func (e attemptErrors) of(d *dialing) error {
	if len(e) > 1 {
		return d.error(e)
	}
	var op *net.OpError
	if errors.As(e[0], &op) {
		return e[0]
	}
	return d.error(e[0])
}
