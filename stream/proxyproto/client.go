package proxyproto

import (
	"fmt"
	"net"
	"syscall"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// Client returns the layer that sends h before the first byte. The connection is ready when
// the system has the header. A proxy has one Client for each connection that it passes on:
//
//	h := proxyproto.NewHeader(2, client.RemoteAddr(), client.LocalAddr())
//	tcp.Dial(lp, "tcp", backend, &tcp.Options{Layer: proxyproto.Client(h)}, ...)
//
// nil is for programs that speak for themselves to a server that wants a header: it is of
// version 2, and says the two ends of the connection.
//
// h is written once, here, and may be changed after. If it cannot be sent (see
// [Header.Append]), that is the error of each connection.
func Client(h *Header) poller.Layer {
	if h == nil {
		return client{}
	}
	b, err := h.Append(nil)
	return client{b, err}
}

type client struct {
	header []byte // nil is that of the connection itself
	err    error
}

// Wrap implements poller.Layer.
func (l client) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(dialed)
	s.out = &outgoing{Upcalls: s.Upcalls(), s: s, client: l, env: at.Env}
	s.Init(below, h, s.out, at)
	return s, s.out
}

// dialed is a stream of a Client. What its owner sends waits until the header is out.
type dialed struct {
	layer.Transparent
	out *outgoing // nil when it has done its work
}

// early reports whether the header is not out yet.
func (s *dialed) early() bool { return s.out != nil && !s.out.over }

// Send sends after the header.
func (s *dialed) Send(bufs [][]byte) (done bool) {
	if !s.early() {
		return s.Stream.Send(bufs)
	}
	s.out.held, s.out.owes = bufs, true
	return false
}

// TrySend sends after the header.
func (s *dialed) TrySend(p []byte) (n int) {
	if s.early() {
		return 0
	}
	return s.Stream.TrySend(p)
}

// Unsent counts what waits for the header. The header itself is what the layer has to send of
// its own.
func (s *dialed) Unsent() (n int) {
	if !s.early() || !s.out.owes {
		return s.Stream.Unsent()
	}
	for _, b := range s.out.held {
		n += len(b)
	}
	return n
}

// Shutdown ends the sending side after the header.
func (s *dialed) Shutdown() {
	if s.early() {
		s.out.shut = true
		return
	}
	s.Stream.Shutdown()
}

// Release is syscall.EBUSY until the header is out.
func (s *dialed) Release() (uintptr, error) {
	if s.early() {
		return 0, errUnsent
	}
	return s.Transparent.Release()
}

// Duplicate fails where Release would.
func (s *dialed) Duplicate() (uintptr, error) {
	if s.early() {
		return 0, errUnsent
	}
	return s.Transparent.Duplicate()
}

var errUnsent = fmt.Errorf("the PROXY header was not sent yet: %w", syscall.EBUSY)

// outgoing is the handler of the stream below until the header is out, and the owner has the
// answer to what it sent meanwhile.
type outgoing struct {
	layer.Upcalls
	s *dialed
	client
	env    poller.Env
	send   [1][]byte
	held   [][]byte // what the owner has sent before the header was out
	owes   bool     // the owner waits for Sent of it
	over   bool     // the header is out, or never will be
	passed bool     // the stream below has what was held, and tells Sent
	shut   bool     // the owner has ended its side
	answer error    // to what was held
}

// Connected sends the header.
func (o *outgoing) Connected(err error) {
	s := o.s
	if err == nil {
		err = o.err
	}
	if err == nil && o.header == nil {
		o.header, err = NewHeader(2, s.Stream.Addr(), s.Stream.Peer()).Append(nil)
	}
	if err != nil {
		o.end(err)
		return
	}
	o.send[0] = o.header
	if s.Stream.Send(o.send[:]) {
		o.end(nil)
	}
}

// Sent is the answer to the header first, and then to what was held.
func (o *outgoing) Sent(err error) {
	if !o.over {
		o.end(err)
		return
	}
	o.leave()
	o.Upcalls.Sent(err)
}

// end leaves the connection to its owner, with what that has done meanwhile. What the owner
// is told comes last, because it may panic.
func (o *outgoing) end(err error) {
	s := o.s
	o.over = true
	switch {
	case !o.owes:
	case err != nil || s.Closed():
		o.answer = err
		o.env.Defer(o)
	default:
		o.passed = !s.Stream.Send(o.held)
		if !o.passed {
			o.env.Defer(o)
		}
	}
	o.held = nil
	if err == nil && o.shut && !s.Closed() {
		s.Stream.Shutdown()
	}
	if !o.owes {
		o.leave()
	}
	s.Ready(err)
}

// Flush answers what was held.
func (o *outgoing) Flush() {
	if o.env.Closed() || !o.owes || o.passed {
		return
	}
	o.leave()
	o.s.Above().Sent(o.answer)
}

// leave takes the handler out of the way.
func (o *outgoing) leave() {
	o.owes = false
	o.s.out = nil
	o.s.Stream.SetHandler(o.Upcalls)
}

// Closed comes after the answer.
func (o *outgoing) Closed() {
	if o.owes && !o.passed {
		o.owes = false
		if !o.over {
			o.answer = net.ErrClosed
		}
		o.s.Above().Sent(o.answer)
	}
	if !o.env.Closed() {
		o.Upcalls.Closed()
	}
}
