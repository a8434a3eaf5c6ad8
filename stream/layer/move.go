package layer

import (
	"net"
	"syscall"

	"example.com/pike/poller"
)

// A Movable is a [Transparent] that can go to another loop: see [poller.Mover]. It is for layers that have
// nothing of one loop: no Env of their own, and nothing that several connections share without a lock. A
// layer that has an Env embeds Base or Transparent, and has a Leave and an Enter that call
// Depart and Arrive.
type Movable struct{ Transparent }

// Leave implements poller.Mover.
func (m *Movable) Leave() error { return m.Depart() }

// Enter implements poller.Mover.
func (m *Movable) Enter(env poller.Env) { m.Arrive(env) }

// Depart is Leave of a Base, for layers that can move.
func (b *Base) Depart() error {
	switch h := b.held; {
	case b.is(closed):
		return net.ErrClosed
	case !b.is(ready), h != nil && h.queued && !poller.Withdraw(h.env, (*handOver)(b)):
		return syscall.EBUSY
	}
	b.marks &^= started | watching
	return nil
}

// Arrive is Enter of a Base.
func (b *Base) Arrive(env poller.Env) {
	h := b.held
	if h == nil {
		return
	}
	if h.env = env; h.queued {
		env.Defer((*handOver)(b))
	}
}

var _ poller.Mover = (*Movable)(nil)
