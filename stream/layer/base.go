package layer

import "example.com/pike/poller"

// A Base is a stream that passes everything on to the stream below it: what a layer embeds
// that changes only some of it. It is used after Init. Its methods belong to the goroutine of
// the poller, as those of every stream.
//
// Until the layer is ready the stream below is not started by what the owner does: Start and Stop
// of the owner are noted, and done then. Send is passed on at any time. A layer that shakes hands
// calls Hold in Wrap, so that what the owner sends waits; it then has SendOwn, StartBelow and Unread.
//
// It passes on what is optional too: Acker, Foreteller, EndWatcher, Descriptor, Prefetcher.
// poller.As finds them only if the streams below have them. It is no Releaser, because who
// gets the descriptor would get the bytes as they are below: see [Transparent].
type Base struct {
	poller.Stream // below
	above         poller.StreamHandler
	held          *held // what waits, of layers that shake hands; or nil
	marks         marks
}

type marks uint8

const (
	ready    marks = 1 << iota // Connected was told
	failed                     // with an error
	started                    // by the owner
	watching                   // WatchEnd of the owner, likewise
	closed                     // by the owner
	shaking                    // below is started for the layer
)

func (b *Base) is(m marks) bool { return b.marks&m != 0 }

// Init puts b over below, for the owner above. in is the handler of the stream below, which
// Wrap returns, and whose Connected is where the layer begins: the stream below tells it,
// or, where that is connected already, at.Env does soon, with nil.
func (b *Base) Init(below poller.Stream, above, in poller.StreamHandler, at poller.Place) {
	b.Stream, b.above, b.held, b.marks = below, above, nil, 0
	if !at.Dialing {
		at.Env.Defer(&start{b, in})
	}
}

// A start is a layer over a stream that tells no Connected any more.
type start struct {
	b  *Base
	in poller.StreamHandler
}

func (s *start) Flush() {
	if !s.b.is(closed | ready) {
		s.in.Connected(nil)
	}
}

// Ready tells the owner, once, that the stream can be used, or with err why it never will be.
// Later calls do nothing, and so do those after Close. Upcalls.Connected calls it; a layer that has
// more to do before has a Connected of its own. It is an upcall, and so must not be called from
// inside what the owner calls, but from an upcall, or from what Env.Defer was given.
func (b *Base) Ready(err error) {
	if b.is(closed | ready) {
		return
	}
	b.marks |= ready
	switch {
	case err != nil:
		b.marks |= failed
	case b.keeps():
	case b.is(started):
		b.Stream.Start()
	case b.is(watching):
		b.watchEnd()
	case b.is(shaking):
		b.Stream.Stop()
	}
	b.marks &^= shaking
	if b.held != nil {
		b.readyHeld(err)
	}
	b.above.Connected(err)
}

// StartBelow begins delivery to the layer, which is not ready yet: of the peer's part of a handshake.
// Ready ends that, unless the owner wants what arrives.
func (b *Base) StartBelow() {
	if !b.is(ready) {
		b.marks |= shaking
		b.Stream.Start()
	}
}

// Upcalls are a handler for the stream below, which passes everything on.
func (b *Base) Upcalls() Upcalls { return Upcalls{b} }

// Above is the owner of the stream.
func (b *Base) Above() poller.StreamHandler { return b.above }

// Below is the stream below; with it a Base is a poller.Layered.
func (b *Base) Below() poller.Stream { return b.Stream }

// Closed reports whether the owner has closed the stream: nothing is to be told any more but
// the answer to a Send, and Closed.
func (b *Base) Closed() bool { return b.is(closed) }

// Started reports whether the owner wants to be told what arrives.
func (b *Base) Started() bool { return b.is(started) }

// SetHandler changes the owner. What it is told of comes from the stream below as before.
func (b *Base) SetHandler(h poller.StreamHandler) { b.above = h }

// Start begins delivery, as soon as the stream can be used.
func (b *Base) Start() {
	b.marks = b.marks&^watching | started
	switch {
	case b.keeps():
		b.tellLater()
	case b.is(ready):
		b.Stream.Start()
	}
}

// Stop suspends delivery.
func (b *Base) Stop() {
	b.marks &^= watching | started
	if b.is(ready) {
		b.Stream.Stop()
	}
}

// Close closes the stream below, whose Closed is that of this one.
func (b *Base) Close() {
	b.marks |= closed
	b.Stream.Close()
}

// Reset resets the stream below.
func (b *Base) Reset() {
	b.marks |= closed
	b.Stream.Reset()
}

// Unacked is how much of what went below is not acknowledged; see poller.Acker.
func (b *Base) Unacked() int {
	if a, ok := b.Stream.(poller.Acker); ok {
		return a.Unacked()
	}
	return 0
}

// Untold is what the stream below has still to tell; see poller.Foreteller. Of a layer that is still
// getting ready it is that there may be an answer: as of a dial, without data.
func (b *Base) Untold() (n int, ev poller.Events) {
	f, ok := b.Stream.(poller.Foreteller)
	if !ok || b.is(closed) {
		return 0, 0
	}
	if n, ev = f.Untold(); !b.is(ready) && ev != 0 {
		return 0, poller.Writable
	}
	if b.held != nil && b.held.answered {
		ev |= poller.Writable
	}
	if b.keeps() && b.is(started) { // which has arrived
		return n + len(b.held.read), ev | poller.Readable
	}
	return n, ev
}

// WatchEnd has the end told to an owner who has stopped; see poller.EndWatcher.
func (b *Base) WatchEnd() {
	b.marks = b.marks&^started | watching
	switch {
	case b.keeps():
		b.tellLater()
	case b.is(ready):
		b.watchEnd()
	}
}

func (b *Base) watchEnd() {
	b.Stream.Stop()
	if w, ok := b.Stream.(poller.EndWatcher); ok && !b.is(failed) {
		w.WatchEnd()
	}
}

// Fd is the descriptor of the stream below, for options that have no method; see poller.Descriptor.
func (b *Base) Fd() uintptr {
	if d, ok := b.Stream.(poller.Descriptor); ok {
		return d.Fd()
	}
	return ^uintptr(0)
}

// Prefetch loads what Send begins with; see poller.Prefetcher.
func (b *Base) Prefetch() byte {
	sum := byte(b.marks)
	if p, ok := b.Stream.(poller.Prefetcher); ok {
		sum += p.Prefetch()
	}
	return sum
}
