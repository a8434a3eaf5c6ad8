package tlslayer

import (
	"net"

	"example.com/pike/poller"
)

// A stream is TLS over the stream below. Its methods and upcalls belong to the loop.
type stream struct {
	below   poller.Stream
	above   poller.StreamHandler
	env     poller.Env
	pool    *pool
	hs      *handshake // nil once it is over
	records records
	wire    wire
	held    []byte  // data that was found when only an end was watched for
	out     *output // nil with nothing to send
	err     error   // the loss of the connection
	state   bits
	depth   uint8 // how many streams of this package are below
	notice  uint8 // bytes of our close_notify
}

type bits uint32

const (
	client       bits = 1 << iota
	started           // above wants what arrives
	watching          // above wants the end
	onBelow           // below is started
	deferred          // Flush will be called
	reading           // deliver runs
	ready             // Connected(nil) was told
	wireEnded         // below has told its end, or the loss
	readEnded         // and above was told an end, or an error
	gotNotice         // that was the peer's close_notify
	shutting          // Shutdown was called
	notified          // and our close_notify is sealed
	finished          // and below was told to end
	failed            // below sends no more
	broken            // TLS seals no more: the handshake has failed, or an alert has ended it
	alerted           // and that alert is ours
	refused           // Sent is to tell that a Send has failed
	direct            // what is sealed goes to below at once
	protecting        // data is being sealed
	wholeRecords      // the config has no small records
	abrupt            // Linger is 0: Close is a reset
	closed            // nobody above wants to hear anything but Sent and Closed
	leaving           // and below is still to take what we have to say
	released          // NetConn has handed the connection over
)

func (s *stream) is(b bits) bool { return s.state&b != 0 }
func (s *stream) mark(b bits)    { s.state |= b }
func (s *stream) unmark(b bits)  { s.state &^= b }

func (s *stream) Below() poller.Stream              { return s.below }
func (s *stream) SetHandler(h poller.StreamHandler) { s.above = h }
func (s *stream) Addr() poller.Addr                 { return s.below.Addr() }
func (s *stream) Peer() poller.Addr                 { return s.below.Peer() }

// Option is net.ErrClosed after Close, also while close_notify is on its way.
func (s *stream) Option(o poller.Option) (int, error) {
	if s.is(closed) {
		return 0, net.ErrClosed
	}
	return s.below.Option(o)
}

func (s *stream) SetOption(o poller.Option, v int) error {
	if s.is(closed) {
		return net.ErrClosed
	}
	err := s.below.SetOption(o, v)
	if o == poller.Linger && err == nil {
		s.unmark(abrupt)
		if v == 0 {
			s.mark(abrupt) // a close_notify would have the peer read an end before the reset
		}
	}
	return err
}

// later has Flush called.
func (s *stream) later() {
	if !s.is(deferred) {
		s.mark(deferred)
		s.env.Defer(s)
	}
}

// again has Flush called where the owner has panicked, for what was to be done after that upcall (rule 11).
func (s *stream) again(done *bool) {
	if !*done {
		s.later()
	}
}

// Flush does what could not be done where it was asked for.
func (s *stream) Flush() {
	s.unmark(deferred)
	done := false
	defer s.again(&done)
	s.flushed()
	done = true
}

func (s *stream) flushed() {
	switch {
	case s.is(closed):
		return
	case s.hs != nil:
		s.hs.flush()
		return
	case s.is(refused):
		s.sent(s.sendError())
	case s.out != nil:
		s.pushed()
	case s.is(shutting) && !s.is(notified):
		s.endWrite()
	}
	if !s.is(closed) {
		s.arrived(nil)
	}
}

// told comes after each upcall, in which the poller may have been closed. It reports whether nothing
// is to be done any more.
func (s *stream) told() bool {
	if s.env.Closed() {
		s.mark(closed)
	}
	return s.is(closed)
}

func (s *stream) startBelow() {
	if !s.is(onBelow | wireEnded) {
		s.mark(onBelow)
		s.below.Start()
	}
}

func (s *stream) stopBelow() {
	if s.is(onBelow) {
		s.unmark(onBelow)
		s.below.Stop()
	}
}

// Start begins delivery, of what is here first.
func (s *stream) Start() {
	if s.is(started | readEnded | closed) {
		return
	}
	s.unmark(watching)
	s.mark(started)
	switch {
	case s.hs != nil, s.is(reading):
	case len(s.wire.in) > 0, s.is(wireEnded), s.held != nil:
		s.later()
	default:
		s.startBelow()
	}
}

// Stop ends it at once. No more than one record is opened at a time, so no data waits. A handshake goes
// on.
func (s *stream) Stop() {
	s.unmark(started | watching)
	if s.hs == nil {
		s.stopBelow()
	}
}

// Prefetch loads what Send begins with.
func (s *stream) Prefetch() byte {
	sum := byte(s.state)
	if s.out != nil {
		sum += byte(s.out.off)
	}
	if p, ok := s.below.(poller.Prefetcher); ok {
		sum += p.Prefetch()
	}
	return sum
}

// A lower is the handler of the stream below. It is a type of its own, because a
// poller.Prefetcher is one thing of a stream and another of a handler.
type lower stream

// Prefetch loads what the upcalls begin with.
func (l *lower) Prefetch() byte {
	sum := byte(l.state)
	if p, ok := l.above.(poller.Prefetcher); ok {
		sum += p.Prefetch()
	}
	return sum
}

// Connected is when a dial has ended. Of a stream that was accepted it says nothing new, if Wrap was
// told so.
func (l *lower) Connected(err error) {
	s := (*stream)(l)
	switch {
	case s.is(closed), s.hs == nil, s.hs.begun:
	case err == nil && s.hs.err == nil:
		s.hs.begin()
	case err == nil: // the config is none
		s.hs.failed()
	default:
		s.hs, s.wire.hs = nil, nil
		s.mark(readEnded | failed | broken)
		s.above.Connected(err)
		s.told()
	}
}

// Closed is the last upcall.
func (l *lower) Closed() {
	s := (*stream)(l)
	s.mark(closed)
	s.unmark(leaving)
	if s.hs != nil {
		s.hs.abandon()
	}
	if s.records.own != nil {
		s.forget()
		s.records.own.Wipe()
	}
	if o := s.out; o != nil {
		s.out = nil
		busy := o.busy
		s.pool.release(o)
		if busy {
			s.above.Sent(net.ErrClosed)
			if s.env.Closed() {
				return
			}
		}
	}
	s.above.Closed()
}

// Fd implements [poller.Descriptor], for options that have no method. Who writes to it, or reads, breaks the
// connection.
func (s *stream) Fd() uintptr {
	if d, ok := s.below.(poller.Descriptor); ok {
		return d.Fd()
	}
	return ^uintptr(0)
}

var (
	_ poller.Blocker    = (*stream)(nil)
	_ poller.Acker      = (*stream)(nil)
	_ poller.Foreteller = (*stream)(nil)
	_ poller.EndWatcher = (*stream)(nil)
	_ poller.Descriptor = (*stream)(nil)
	_ poller.Prefetcher = (*stream)(nil)
	_ poller.Prefetcher = (*lower)(nil)
)
