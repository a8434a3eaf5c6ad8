package layer

import (
	"fmt"
	"io"
	"syscall"

	"example.com/pike/poller"
)

// errHolds is why a stream is not handed over: who gets the descriptor would miss something.
var errHolds = fmt.Errorf("layer: something waits in it: %w", syscall.EBUSY)

// held is what a layer that shakes hands has waiting, on either side. It goes when the layer is ready
// and nothing waits any more.
type held struct {
	env poller.Env

	// What the owner sends waits while holds says so: until the layer is ready, and what it
	// sends of its own is out.
	holds    bool
	own      bool     // that is under way
	bytes    []byte   // and that comes behind it
	bufs     [][]byte // of the owner's Send
	sending  bool     // there is one, which the stream below does not answer
	answered bool     // its answer is known
	answer   error
	shut     bool // Shutdown was called

	// What the layer has read too much is received first.
	read   []byte
	end    error // what came behind it
	queued bool  // Flush of handOver will be called
}

// Hold has what the owner sends wait until the layer is ready. Who shakes hands calls it in
// Wrap, after Init, with the Env of its Place.
func (b *Base) Hold(env poller.Env) { b.held = &held{env: env, holds: true} }

// SendOwn sends p of the layer's own, before all that the owner sends, and reports whether the stream below
// has all of it. If not, Upcalls.Sent is told when it has. It keeps a copy. It is for layers that have
// called Hold, and may be called again; once the layer is ready, or has failed, it does nothing. A failure of
// the stream below is why the layer never will be ready.
func (b *Base) SendOwn(p []byte) (done bool) {
	if b.is(closed | ready) {
		return true
	}
	return b.sendOwn(append([]byte(nil), p...))
}

// sendOwn is that for bytes which are its own.
func (b *Base) sendOwn(p []byte) (done bool) {
	h := b.held
	if h.own {
		h.bytes = append(h.bytes, p...)
		return false
	}
	h.own = !b.Stream.Send([][]byte{p})
	return !h.own
}

// sentOwn is the answer to that.
func (b *Base) sentOwn(err error) {
	h := b.held
	h.own = false
	switch {
	case b.is(closed):
	case err != nil && !b.is(ready):
		b.Ready(err)
		return
	case err == nil && len(h.bytes) > 0: // of another error the owner's next Send tells
		more := h.bytes
		h.bytes = nil
		b.sendOwn(more)
	}
	b.release()
	b.tell()
}

// Unread has the owner receive p before all that arrives below: what was read too much, behind
// a header or a handshake. It keeps a copy. It is for layers that have called Hold, and is called in
// the upcall that makes the layer ready, before Ready.
func (b *Base) Unread(p []byte) {
	if len(p) > 0 && !b.is(closed|ready) {
		b.Stream.Stop()
		b.held.read = append(b.held.read, p...)
	}
}

// keeps reports whether there is something that the owner is to receive first.
func (b *Base) keeps() bool { return b.held != nil && (len(b.held.read) > 0 || b.held.end != nil) }

// readyHeld is Ready of a layer that holds. What is to be told comes behind Connected, which may panic, and so
// it is put off before.
func (b *Base) readyHeld(err error) {
	h := b.held
	if err != nil {
		h.holds, h.bufs, h.read, h.end = false, nil, nil, nil
		h.answered, h.answer = h.sending, err
	}
	b.release()
	b.tellLater()
	b.forget()
}

// release sends what the owner has sent, if the layer is ready.
func (b *Base) release() {
	h := b.held
	if !h.holds || h.own || !b.is(ready) || b.is(closed) {
		return
	}
	h.holds = false
	if h.sending {
		h.answered = b.Stream.Send(h.bufs)
		h.sending, h.bufs = h.answered, nil
	}
	if h.shut {
		b.Stream.Shutdown()
	}
}

// forget lets go of what nobody needs any more.
func (b *Base) forget() {
	if h := b.held; b.is(ready) && !h.holds && !h.own && !h.sending && !b.keeps() {
		b.held = nil
	}
}

// A news is what the owner is to be told next.
type news uint8

const (
	none   news = iota
	answer      // to its Send
	bytes       // that were kept
	end         // that came behind them
)

// next is what the owner is to be told next. A loss does not wait for Start (rule 12).
func (b *Base) next() news {
	switch h := b.held; {
	case h.answered:
		return answer
	case b.is(closed|failed) || !b.is(ready):
	case len(h.read) > 0:
		if b.is(started) {
			return bytes
		}
	case h.end != nil && (h.end != io.EOF || b.is(started|watching)):
		return end
	}
	return none
}

// tellLater has the owner be told, soon.
func (b *Base) tellLater() {
	if h := b.held; !h.queued && b.next() != none {
		h.queued = true
		h.env.Defer((*handOver)(b))
	}
}

// handOver is a Base when that is due.
type handOver Base

func (o *handOver) Flush() {
	b := (*Base)(o)
	if b.held == nil {
		return
	}
	b.held.queued = false
	if !b.held.env.Closed() {
		b.tell()
	}
}

// tell tells the owner one thing. What comes behind that is put off before, because the owner may panic.
func (b *Base) tell() {
	h := b.held
	what := b.next()
	p, err := h.read, h.end
	switch what {
	case answer:
		err = h.answer
		h.sending, h.answered = false, false
	case bytes:
		h.read = nil
		b.Stream.Start() // which delivers nothing before this upcall is over
	case end:
		h.end = nil
		b.marks &^= started
	}
	b.tellLater()
	b.forget()
	switch what {
	case answer:
		b.above.Sent(err)
	case bytes:
		b.above.Received(p, nil)
	case end:
		b.above.Received(nil, err)
	}
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
	if b.held == nil || !b.held.sending || b.held.answered {
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
