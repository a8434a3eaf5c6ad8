package proxyproto

import (
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
	s := new(layer.Movable)
	out := &outgoing{s.Upcalls(), s, l}
	s.Init(below, h, out, at)
	s.Hold(at.Env)
	return s, out
}

// outgoing is the handler of the stream below until that has the header. What the owner sends
// waits until then.
type outgoing struct {
	layer.Upcalls
	s *layer.Movable
	client
}

// Connected sends the header.
func (o *outgoing) Connected(err error) {
	if err == nil {
		err = o.err
	}
	if err == nil && o.header == nil {
		o.header, err = NewHeader(2, o.s.Below().Addr(), o.s.Below().Peer()).Append(nil)
	}
	if err != nil || o.s.SendOwn(o.header) {
		o.end(err)
	}
}

// Sent is the answer to the header: nothing else was sent.
func (o *outgoing) Sent(err error) {
	o.Upcalls.Sent(err)
	o.end(err)
}

// end leaves the connection to its owner.
func (o *outgoing) end(err error) {
	o.s.Below().SetHandler(o.Upcalls)
	o.s.Ready(err)
}
