package layer

import (
	"errors"

	"example.com/pike/poller"
)

// errKept is why a stream is not handed over.
var errKept = errors.New("layer: bytes were read and not delivered")

// held is what a layer that shakes hands has waiting, on either side.
type held struct {
	env poller.Env

	// What the owner sends waits while holds says so: until the layer is ready, and what it
	// sends of its own is out.
	holds   bool
	own     bool     // that is under way
	bytes   []byte   // those
	bufs    [][]byte // of the owner's Send
	sending bool     // there is one
	shut    bool     // Shutdown was called

	// What the layer has read too much is received first.
	read   []byte
	end    error // what came behind it
	queued bool  // to be handed over
}

// Hold has what the owner sends wait until the layer is ready. Who shakes hands calls it in
// Wrap, after Init, with the Env of its Place.
func (b *Base) Hold(env poller.Env) { b.held = &held{env: env, holds: true} }

// SendOwn sends p of the layer's own, before all that the owner sends; it keeps a copy. It is for
// layers that have called Hold, as long as they are not ready, and may be called again. A failure
// is why the layer never will be ready.
func (b *Base) SendOwn(p []byte) {
	h := b.held
	if h.own {
		h.bytes = append(h.bytes, p...)
		return
	}
	p = append([]byte(nil), p...)
	h.own = !b.Stream.Send([][]byte{p})
}

// sentOwn is the answer to that.
func (b *Base) sentOwn(err error) {
	h := b.held
	h.own = false
	switch {
	case b.is(closed):
	case err != nil && !b.is(ready):
		b.Ready(err)
	case err != nil: // the owner's next Send says so
		b.release()
	case len(h.bytes) > 0:
		more := h.bytes
		h.bytes = nil
		if b.SendOwn(more); !h.own {
			b.release()
		}
	default:
		b.release()
	}
}

// Unread has the owner receive p before all that arrives below: what was read too much, behind
// a header or a handshake. It keeps a copy. It is for layers that have called Hold, and is called in
// the upcall that makes the layer ready, before Ready.
func (b *Base) Unread(p []byte) {
	if len(p) > 0 {
		b.Stream.Stop()
		b.held.read = append(b.held.read, p...)
	}
}

// keeps reports whether there is something that the owner is to receive first.
func (b *Base) keeps() bool { return b.held != nil && (len(b.held.read) > 0 || b.held.end != nil) }

// readyHeld is Ready of a layer that holds.
func (b *Base) readyHeld(err error) {
	h := b.held
	if !h.own && !h.sending && !h.shut {
		h.holds = false
	}
	b.above.Connected(err)
	if h.env.Closed() || b.is(closed) {
		return
	}
	if err != nil {
		if h.holds = false; h.sending {
			h.sending = false
			b.above.Sent(err)
		}
		return
	}
	b.handOver()
	if !h.own {
		b.release()
	}
}

// release sends what the owner has sent, if the layer is ready.
func (b *Base) release() {
	h := b.held
	if !h.holds || !b.is(ready) || b.is(closed) {
		return
	}
	h.holds = false
	done := h.sending && b.Stream.Send(h.bufs)
	h.sending, h.bufs = false, nil
	if h.shut {
		b.Stream.Shutdown()
	}
	if done {
		b.above.Sent(nil)
	}
}

// handOver has the owner receive what waits for it, soon.
func (b *Base) handOver() {
	if h := b.held; b.keeps() && b.is(ready) && b.is(started) && !h.queued {
		h.queued = true
		h.env.Defer((*handOver)(b))
	}
}

// handOver is a Base when that is due.
type handOver Base

func (o *handOver) Flush() {
	b := (*Base)(o)
	h := b.held
	h.queued = false
	if !b.is(started) || b.is(closed) {
		return
	}
	if p := h.read; len(p) > 0 {
		h.read = nil
		b.above.Received(p, nil)
		if h.env.Closed() || b.is(closed) || !b.is(started) {
			return
		}
	}
	if err := h.end; err != nil {
		h.end = nil
		b.marks &^= started
		b.above.Received(nil, err)
		return
	}
	b.Stream.Start()
}

// Send passes bufs on, when that can be.
func (b *Base) Send(bufs [][]byte) (done bool) {
	h := b.held
	if h == nil || !h.holds {
		return b.Stream.Send(bufs)
	}
	if b.is(closed) {
		return true
	}
	h.bufs, h.sending = bufs, true
	return false
}

// TrySend passes p on, or takes nothing of it.
func (b *Base) TrySend(p []byte) int {
	if b.held != nil && b.held.holds {
		return 0
	}
	return b.Stream.TrySend(p)
}

// Unsent is what the stream below has not sent, or what has waited for the layer until now.
func (b *Base) Unsent() (n int) {
	if b.held == nil || !b.held.sending {
		return b.Stream.Unsent()
	}
	for _, p := range b.held.bufs {
		n += len(p)
	}
	return n
}

// Shutdown ends the sending side, behind what was sent.
func (b *Base) Shutdown() {
	if b.held != nil && b.held.holds {
		b.held.shut = true
		return
	}
	b.Stream.Shutdown()
}
