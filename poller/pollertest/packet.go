package pollertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"example.com/pike/poller"
)

// A packet owns a datagram socket.
type packet struct {
	life
	s  poller.Packet
	o  poller.Options
	on struct {
		received func(ms []poller.Message, err error)
		sent     func(n int, err error)
		closed   func()
	}
	got  []poller.Message // copies, each of one datagram
	runs int              // received
	errs []error          // received

	held    []poller.Message // what the poller has until Sent
	copies  [][]byte         // of their data
	sending bool
	answers int // Sents
	before  int // messages of a Send that went out before the rest was sent again
	parts   int // Sents that left a rest
	sent    int // messages that the last Sent told of
	sendErr error
}

// Received implements poller.PacketHandler, as the methods below do.
func (p *packet) Received(ms []poller.Message, err error) {
	total := 0
	for _, m := range ms {
		total += len(m.Data)
	}
	p.receiving("Received", total)
	switch {
	case (len(ms) > 0) == (err != nil):
		p.broken(3, "Received(%d messages, %v)", len(ms), err)
	case errors.Is(err, net.ErrClosed):
		p.broken(3, "Received(%v) without Close", err)
	}
	for _, m := range ms {
		p.hear(m)
	}
	if err != nil {
		p.errs = append(p.errs, err)
	}
	if p.on.received != nil {
		p.on.received(ms, err)
	}
}

// hear keeps the datagrams of a message. It holds that the message says no more than was
// asked for.
func (p *packet) hear(m poller.Message) {
	switch {
	case !m.Peer.IsValid():
		p.Errorf("%s: a message of nobody", p.name)
	case !p.o.RecvPacketInfo && (m.Local.IsValid() || m.Interface != 0), !p.o.RecvTrafficClass && m.TrafficClass != 0:
		p.Errorf("%s: a message with %+v, which nobody asked for", p.name, m.Control)
	case m.Segment < 0, m.Segment > 0 && (!p.o.RecvSegments || p.o.NoOffload || len(m.Data) <= m.Segment):
		p.Errorf("%s: a run of %d bytes in segments of %d", p.name, len(m.Data), m.Segment)
	case len(m.Data) > 64<<10:
		p.Errorf("%s: a message of %d bytes", p.name, len(m.Data))
	}
	if m.Segment > 0 {
		p.runs++
	}
	for data := range m.Datagrams() {
		p.got = append(p.got, poller.Message{Data: bytes.Clone(data), Peer: m.Peer, Control: m.Control})
	}
}

func (p *packet) Sent(n int, err error) {
	p.upcall("Sent")
	closed := errors.Is(err, net.ErrClosed)
	switch {
	case !p.sending:
		p.broken(2, "Sent(%d, %v) without a Send", n, err)
	case n < 0 || n > len(p.held) || err == nil && n == 0 || err != nil && n == len(p.held):
		p.broken(2, "Sent(%d, %v) of %d messages", n, err, len(p.held))
	case closed && !p.closing:
		p.broken(2, "Sent(%d, %v) without Close", n, err)
	case err != nil && !closed && p.closing:
		p.broken(2, "Sent(%d, %v) after Close", n, err)
	}
	p.sending, p.sent, p.sendErr = false, p.before+n, err
	p.answers++
	rest := slices.Clone(p.held[min(n, len(p.held)):])
	for i := range rest {
		rest[i].Data = p.copies[n+i]
	}
	p.takeBack()
	if err == nil && len(rest) > 0 { // the system has no room for more
		p.parts++
		p.before += n
		if !p.sendMore(rest) {
			return
		}
		p.sent = p.before + len(rest)
	}
	if p.on.sent != nil {
		p.on.sent(n, err)
	}
}

func (p *packet) Closed() {
	p.ending()
	if p.sending {
		p.broken(2, "Closed before Sent")
	}
	if p.on.closed != nil {
		p.on.closed()
	}
}

func (p *packet) takeBack() {
	for i, m := range p.held {
		if !bytes.Equal(m.Data, p.copies[i]) {
			p.broken(2, "the poller changed message %d", i)
		}
		scribble(m.Data)
	}
	clear(p.held)
	p.held, p.copies = nil, nil
}

// send sends copies of ms.
func (p *packet) send(ms ...poller.Message) (done bool) {
	p.Helper()
	if p.sending {
		p.Fatalf("%s: the test sends while a Send is out", p.name)
	}
	p.before = 0
	return p.sendMore(ms)
}

func (p *packet) sendMore(ms []poller.Message) (done bool) {
	p.Helper()
	p.held, p.copies = slices.Clone(ms), nil
	for i, m := range ms {
		p.held[i].Data = bytes.Clone(m.Data)
		p.copies = append(p.copies, m.Data)
	}
	given := slices.Clone(p.held)
	p.call("Send", func() { done = p.s.Send(given) })
	if p.sending = !done; done {
		p.takeBack()
		clear(given)
	}
	return done
}

// deliver sends ms and waits until they are sent; all must be.
func (p *packet) deliver(ms ...poller.Message) {
	p.Helper()
	if !p.send(ms...) {
		p.until("a Send is answered", func() bool { return !p.sending })
		if p.sendErr != nil {
			p.Fatalf("%s: Sent(%d, %v) of %d messages", p.name, p.sent, p.sendErr, len(ms))
		}
	}
}

// expect waits for exactly ms, in any order, and forgets them.
func (p *packet) expect(ms ...poller.Message) {
	p.Helper()
	p.until(fmt.Sprintf("%d messages are received", len(ms)), func() bool { return len(p.got) >= len(ms) })
	want := map[string]int{}
	for _, m := range ms {
		want[m.Peer.String()+string(m.Data)]++
	}
	for _, m := range p.got {
		k := m.Peer.String() + string(m.Data)
		if want[k]--; want[k] < 0 {
			p.Errorf("%s: received %d bytes from %v that were not sent", p.name, len(m.Data), m.Peer)
		}
	}
	p.got = nil
}

func (p *packet) start() {
	p.started = !p.closing
	p.call("Start", p.s.Start)
}

func (p *packet) stop() {
	p.started = false
	p.call("Stop", p.s.Stop)
}

func (p *packet) close() { p.endBy("Close", p.s.Close) }

func (p *packet) addr() (a poller.Addr) {
	p.call("Addr", func() { a = p.s.Addr() })
	return a
}

func (p *packet) peer() (a poller.Addr) {
	p.call("Peer", func() { a = p.s.Peer() })
	return a
}

func (p *packet) connect(a poller.Addr) (err error) {
	p.call("Connect", func() { err = p.s.Connect(a) })
	return err
}

// from is m as p sends it and another receives it.
func (p *packet) from(ms ...poller.Message) []poller.Message {
	from := slices.Clone(ms)
	for i := range from {
		from[i].Peer = p.addr().AddrPort
	}
	return from
}

// tryBind opens a datagram socket.
func (r *rig) tryBind(addr poller.Addr, o *poller.Options) (*packet, error) {
	p := &packet{life: life{rig: r, name: fmt.Sprintf("socket %d, packet", len(r.sockets))}}
	if o != nil {
		p.o = *o
	}
	var err error
	r.call("Bind", func() { p.s, err = r.p.Bind(addr, o, p) })
	if err != nil {
		return nil, err
	}
	r.sockets = append(r.sockets, p)
	return p, nil
}

func (r *rig) bindAt(addr poller.Addr, o *poller.Options) *packet {
	r.Helper()
	p, err := r.tryBind(addr, o)
	if err != nil {
		r.Fatalf("Bind to %v: %v", addr, err)
	}
	return p
}

// bind opens a datagram socket on any port, started.
func (r *rig) bind(o *poller.Options) *packet {
	r.Helper()
	p := r.bindAt(r.addr(0), o)
	p.start()
	return p
}

// messages makes n messages of the given size to an address, all different.
func messages(to poller.Addr, n, size int) []poller.Message {
	ms := make([]poller.Message, n)
	for i := range ms {
		ms[i] = message(to, i, size)
	}
	return ms
}

// message is the i-th of those messages.
func message(to poller.Addr, i, size int) poller.Message {
	return poller.Message{Data: pattern(i).bytes(size, 0), Peer: to.AddrPort}
}

var nowhere netip.AddrPort
