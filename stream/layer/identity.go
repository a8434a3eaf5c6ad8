package layer

import "example.com/pike/poller"

// Identity is a layer that changes nothing. It shows what a layer costs, and it has tests run
// over one.
type Identity struct{}

// Wrap implements poller.Layer. It makes one object of 48 bytes.
func (Identity) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	t := new(Movable)
	in := t.Upcalls()
	t.Init(below, h, in, at)
	return t, in
}

// A Stack is several layers as one. The first is the lowest: Stack{proxy, tls} has the header
// of a proxy go before the first byte of TLS. An empty one is [Identity].
type Stack []poller.Layer

// Wrap implements poller.Layer. To each layer the one below it is a stream whose Connected is still
// to come.
func (s Stack) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	if len(s) == 0 {
		return Identity{}.Wrap(below, h, at)
	}
	top, in := s[0].Wrap(below, h, at)
	at.Dialing = true
	for _, l := range s[1:] {
		upper, between := l.Wrap(top, h, at)
		top.SetHandler(between)
		top = upper
	}
	return top, in
}

var (
	_ poller.Layer      = Stack(nil)
	_ poller.Layered    = (*Base)(nil)
	_ poller.Acker      = (*Base)(nil)
	_ poller.Foreteller = (*Base)(nil)
	_ poller.EndWatcher = (*Base)(nil)
	_ poller.Descriptor = (*Base)(nil)
	_ poller.Prefetcher = (*Base)(nil)
	_ poller.Prefetcher = Upcalls{}
	_ poller.Releaser   = (*Transparent)(nil)
	_ poller.Duplicator = (*Transparent)(nil)
)
