package stream

import (
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// errPanicked is why there is no socket.
const errPanicked = syscall.ECANCELED

// A borrowed is the descriptor of a socket for as long as Options.Control runs.
type borrowed struct{ fd uintptr }

func (b *borrowed) Fd() uintptr { return b.fd }

// controlled is p with the Control of o, if that has one, for a socket of addr in network.
func (o *Options) controlled(p *poller.Options, network string, addr poller.Addr) *poller.Options {
	if o == nil || o.Control == nil {
		return p
	}
	switch { // the names of package net
	case addr.Path != "":
	case addr.Addr().Unmap().Is4():
		network += "4"
	default:
		network += "6"
	}
	with := *p
	with.Control = func(fd uintptr) error {
		b := &borrowed{fd}
		defer func() { b.fd = ^uintptr(0) }()
		return o.Control(network, addr.String(), netop.RawSocket{Descriptor: b})
	}
	return &with
}

// guarded is p for a dial of c. A panic in its Control goes where those of callbacks go.
func guarded(lp *loop.Loop, c *Conn, p *poller.Options) *poller.Options {
	control := p.Control
	if control == nil || !lp.Maker().Guarded() {
		return p
	}
	p.Control = func(fd uintptr) (err error) {
		err = errPanicked // unless it returns
		defer lp.Maker().Recover(c)
		err = control(fd)
		return err
	}
	return p
}
