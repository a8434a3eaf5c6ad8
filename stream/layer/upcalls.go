package layer

import (
	"net"

	"example.com/pike/poller"
)

// Upcalls are the handler of the stream below a [Base]: what a layer's own handler embeds
// that listens to some of it. They are made by Base.Upcalls.
type Upcalls struct{ base *Base }

// Connected says that the layer is ready, or with err that it never will be.
func (u Upcalls) Connected(err error) { u.base.Ready(err) }

// Received passes on what has arrived. An end, or a loss, before the layer was ready is why it
// never will be, and then nothing is passed on any more.
func (u Upcalls) Received(p []byte, err error) {
	switch b := u.base; {
	case err != nil && !b.is(ready):
		b.Ready(err)
	case b.is(failed): // that was the reason
	case b.keeps(): // that comes first
		b.held.end = err
		b.tellLater()
	default:
		b.above.Received(p, err)
	}
}

// Sent passes the answer to a Send on, but to one of the layer's own.
func (u Upcalls) Sent(err error) {
	if b := u.base; b.held != nil && b.held.own {
		b.sentOwn(err)
	} else {
		b.above.Sent(err)
	}
}

// Closed passes the end on, behind the answer to a Send that has waited for the layer.
func (u Upcalls) Closed() {
	b, h := u.base, u.base.held
	b.held = nil
	if h == nil || !h.sending {
		b.above.Closed()
		return
	}
	if !h.answered {
		h.answer = net.ErrClosed
	}
	defer func() { // also if the owner panics
		if !h.env.Closed() {
			b.above.Closed()
		}
	}()
	b.above.Sent(h.answer)
}

// Prefetch loads what is called next; see poller.Prefetcher.
func (u Upcalls) Prefetch() byte {
	sum := byte(u.base.marks)
	if p, ok := u.base.above.(poller.Prefetcher); ok {
		sum += p.Prefetch()
	}
	return sum
}
