package proxyproto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"syscall"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// Options say whose headers a server reads, and what it does with them.
type Options struct {
	// Trusted are the proxies: the addresses from which a header is believed. Others are
	// refused. So nobody is trusted by default, because who is trusted can take any
	// address for its own.
	Trusted []netip.Prefix

	// TrustUnix also trusts the peers of unix-domain sockets, which have no address: who may
	// connect, the rights of the file say.
	TrustUnix bool

	// PassUntrusted takes connections of others as they are: without a header. If they send
	// one, it is data like any other.
	PassUntrusted bool

	// Destination has LocalAddr be what the client has connected to, too. Without it
	// LocalAddr is where the proxy has connected to.
	Destination bool

	// MaxHeader is the most bytes of a header of version 2, its first 16 included. 0 is
	// DefaultMaxHeader. Version 1 has at most 107 bytes.
	MaxHeader int
}

// DefaultMaxHeader is the default of Options.MaxHeader: 4 KiB of addresses and TLVs.
const DefaultMaxHeader = fixed + 4096

// ErrUntrusted is why a connection was refused that is not from a trusted proxy.
var ErrUntrusted = errors.New("the peer is no trusted proxy")

// Server returns the layer for connections from proxies. The header is taken off, and the
// connection is ready when it was read. RemoteAddr is the client's from then on, unless the
// proxy speaks for itself or cannot say (see [Header.Relayed]).
//
// A connection fails before it is ready with ErrUntrusted, with a *HeaderError where the
// header is wrong, with io.ErrUnexpectedEOF where the peer ends before its header does, and as
// the connection itself fails. A header that does not come is waited for: stream's
// LayerTimeout bounds that.
//
// o is copied, and nil trusts nobody. A Layer may be used by any number of loops.
func Server(o *Options) poller.Layer {
	if o == nil {
		o = new(Options)
	}
	l := &server{*o}
	l.Trusted = slices.Clone(o.Trusted)
	for i, p := range l.Trusted {
		// Addresses of peers are never mapped, so such a prefix would contain none of them.
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			l.Trusted[i] = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
	}
	if l.MaxHeader <= 0 {
		l.MaxHeader = DefaultMaxHeader
	}
	return l
}

type server struct{ Options }

// trusts reports whether a header from peer is believed. The zone of an address is no part
// of it here, as prefixes have none.
func (l *server) trusts(peer poller.Addr) bool {
	if !peer.AddrPort.IsValid() {
		return l.TrustUnix
	}
	ip := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(l.Trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Wrap implements poller.Layer.
func (l *server) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(accepted)
	s.in = &incoming{Upcalls: s.Upcalls(), s: s, o: l, env: at.Env}
	s.Init(below, h, s.in, at)
	s.Hold(at.Env) // nothing is sent to a peer that may not be a proxy
	return s, s.in
}

// Of returns the header that a connection came with, and false where there is none: the
// connection has no such layer, or is not from a trusted proxy. It is found below other layers,
// too. The header is the connection's and must not be changed. Of belongs to the loop's
// goroutine.
func Of(c interface{ Layer() poller.Stream }) (*Header, bool) {
	for s := c.Layer(); s != nil; {
		if a, ok := s.(*accepted); ok && a.header != nil {
			return a.header, true
		}
		l, ok := s.(poller.Layered)
		if !ok {
			break
		}
		s = l.Below()
	}
	return nil, false
}

// accepted is a stream of a Server.
type accepted struct {
	layer.Movable
	header *Header   // as it came; nil before, and where none is to come
	local  bool      // Addr is the header's
	in     *incoming // nil when it has done its work
}

// Peer is the client.
func (s *accepted) Peer() poller.Addr {
	if s.header != nil && s.header.Relayed() {
		return s.header.Source
	}
	return s.Stream.Peer()
}

// Addr is what the client has connected to, if the options say so.
func (s *accepted) Addr() poller.Addr {
	if s.local && s.header.Relayed() {
		return s.header.Destination
	}
	return s.Stream.Addr()
}

// waits reports whether something came with the header that was not delivered yet. The
// stream below is stopped then.
func (s *accepted) waits() bool { return s.in != nil && s.in.waits }

// Start delivers first what came with the header.
func (s *accepted) Start() {
	s.Transparent.Start()
	if s.waits() {
		s.Stream.Stop()
		s.in.later()
	}
}

// WatchEnd is no more than Stop while something is before the end.
func (s *accepted) WatchEnd() {
	if s.waits() {
		s.Stop()
		return
	}
	s.Transparent.WatchEnd()
}

// Untold counts what came with the header, too.
func (s *accepted) Untold() (n int, ev poller.Events) {
	n, ev = s.Transparent.Untold()
	if s.waits() && s.Started() && !s.Closed() {
		return len(s.in.b), ev | poller.Readable
	}
	return n, ev
}

// Release is syscall.EBUSY while something was not delivered: who gets the descriptor would
// not get that.
func (s *accepted) Release() (uintptr, error) {
	if s.holds() {
		return 0, errUndelivered
	}
	return s.Transparent.Release()
}

// Duplicate fails where Release would.
func (s *accepted) Duplicate() (uintptr, error) {
	if s.holds() {
		return 0, errUndelivered
	}
	return s.Transparent.Duplicate()
}

// holds reports whether there is something that only this stream has, or will have.
func (s *accepted) holds() bool { return s.in != nil && (!s.in.whole || len(s.in.b) > 0) }

var errUndelivered = fmt.Errorf("the PROXY header, or what came with it, was not read yet: %w", syscall.EBUSY)

// incoming is the handler of the stream below until the header was read, and what came with
// it delivered. It is gone then, and costs the connection nothing any more.
type incoming struct {
	layer.Upcalls
	s     *accepted
	o     *server
	env   poller.Env
	b     []byte // what there is of the header, and then what came with it
	need  int    // as many bytes make it worth to look
	after error  // what is to be told after b
	whole bool   // the header was read
	waits bool   // b waits for Start, and is ours
	due   bool   // Flush will be called
}

// Connected begins to read the header, if the peer is to send one.
func (in *incoming) Connected(err error) {
	s := in.s
	switch peer := s.Stream.Peer(); {
	case err != nil:
		s.Ready(err)
	case in.o.trusts(peer):
		s.StartBelow()
	case in.o.PassUntrusted:
		in.leave()
		s.Ready(nil)
	default:
		s.Ready(ErrUntrusted)
	}
}

// Received reads the header.
func (in *incoming) Received(p []byte, err error) {
	switch {
	case in.whole: // b waits, the stream below is stopped, and this is its loss
		in.after = err
		in.later()
		return
	case err == io.EOF:
		in.fail(&HeaderError{Step: "end", Err: io.ErrUnexpectedEOF})
		return
	case err != nil:
		in.fail(err)
		return
	}
	had, b := len(in.b), p
	if had > 0 {
		// No header is longer than that, so the rest of p need not be copied.
		in.b = append(in.b, p[:min(len(p), max(in.o.MaxHeader, maxLine)-had)]...)
		b = in.b
	}
	n := in.need
	err = ErrIncomplete
	var h *Header
	if len(b) >= n {
		h, n, err = parse(b, in.o.MaxHeader)
	}
	switch {
	case err == ErrIncomplete:
		if had == 0 {
			in.b = bytes.Clone(p)
		}
		in.need = n
	case err != nil:
		in.fail(err)
	default:
		in.s.header, in.s.local = h, in.o.Destination
		in.deliver(p[n-had:])
	}
}

// fail tells why the connection will never be ready.
func (in *incoming) fail(err error) {
	in.b = nil
	in.s.Stream.Stop()
	in.s.Ready(err)
}

// deliver tells that the header was read, and then what came with it. That is copied only if
// the owner does not want it at once.
func (in *incoming) deliver(rest []byte) {
	s := in.s
	in.whole, in.b = true, rest
	defer in.keep()
	s.Ready(nil)
	if len(rest) > 0 && s.Started() && !s.Closed() && !in.env.Closed() {
		in.b = nil
		in.leave()
		s.Above().Received(rest, nil)
	}
}

// keep has what was not delivered wait for Start, also where the owner has panicked.
func (in *incoming) keep() {
	s := in.s
	if len(in.b) == 0 || s.Closed() || in.env.Closed() {
		in.b = nil
		in.leave()
		return
	}
	in.b, in.waits = bytes.Clone(in.b), true
	s.Stream.Stop()
	if s.Started() {
		in.later()
	}
}

// leave takes the handler out of the way.
func (in *incoming) leave() {
	if in.s.in == in && !in.env.Closed() {
		in.s.in = nil
		in.s.Stream.SetHandler(in.Upcalls)
	}
}

func (in *incoming) later() {
	if !in.due {
		in.due = true
		in.env.Defer(in)
	}
}

// Flush delivers what waits, and then what came after it.
func (in *incoming) Flush() {
	in.due = false
	s := in.s
	switch b := in.b; {
	case s.Closed() || in.env.Closed():
	case len(b) > 0 && !s.Started():
	case len(b) > 0:
		in.b, in.waits = nil, false
		if in.after != nil {
			in.later()
		} else {
			in.leave()
			s.Stream.Start() // which delivers nothing before b
		}
		s.Above().Received(b, nil)
	case in.after != nil:
		in.leave()
		s.Above().Received(nil, in.after)
	}
}
