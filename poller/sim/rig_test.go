package sim_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// An end owns a stream and remembers what was called on it. What a test adds is in on.
type end struct {
	s  poller.Stream
	on struct {
		connected func(error)
		received  func([]byte, error)
		sent      func(error)
		closed    func()
	}
	connected, closed bool
	dialErr           error
	got               []byte
	pieces            int
	err               error // how receiving ended
	sending           bool
	sent              []error
}

func (e *end) Connected(err error) {
	e.connected, e.dialErr = err == nil, err
	if e.on.connected != nil {
		e.on.connected(err)
	}
}

func (e *end) Received(p []byte, err error) {
	e.got = append(e.got, p...)
	e.pieces++
	if err != nil {
		e.err = err
	}
	if e.on.received != nil {
		e.on.received(p, err)
	}
}

func (e *end) Sent(err error) {
	e.sending = false
	e.sent = append(e.sent, err)
	if e.on.sent != nil {
		e.on.sent(err)
	}
}

func (e *end) Closed() {
	e.closed = true
	if e.on.closed != nil {
		e.on.closed()
	}
}

func (e *end) send(p []byte) { e.sending = !e.s.Send([][]byte{p}) }

// A door owns a listener; it starts what it accepts.
type door struct {
	s      poller.Socket
	ends   []*end
	failed []error
	on     func(*end)
	closed bool
}

func (d *door) Accepted(s poller.Stream) poller.StreamHandler {
	e := &end{s: s, connected: true}
	d.ends = append(d.ends, e)
	s.Start()
	if d.on != nil {
		d.on(e)
	}
	return e
}

func (d *door) Failed(err error) { d.failed = append(d.failed, err) }
func (d *door) Closed()          { d.closed = true }

// A box owns a datagram socket.
type box struct {
	s       poller.Packet
	on      func(poller.Message)
	got     []poller.Message
	batches int
	errs    []error
	sending bool
	held    []poller.Message // what is being sent
	sent    []error
}

func (b *box) Received(ms []poller.Message, err error) {
	for _, m := range ms {
		if b.on != nil {
			b.on(m)
		}
		b.got = append(b.got, poller.Message{Data: bytes.Clone(m.Data), Peer: m.Peer})
	}
	b.batches++
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

func (b *box) Sent(n int, err error) {
	b.sending = false
	if err == nil && n < len(b.held) {
		b.send(b.held[n:]...)
		return
	}
	b.sent = append(b.sent, err)
}

func (b *box) Closed() {}

func (b *box) send(ms ...poller.Message) {
	b.held = ms
	b.sending = !b.s.Send(ms)
}

const port = 7000

// at is an address.
func at(ip string, port uint16) poller.Addr {
	return poller.AddrOf(netip.AddrPortFrom(netip.MustParseAddr(ip), port))
}

func listen(t testing.TB, h *sim.Host, o *poller.Options) *door {
	t.Helper()
	d := new(door)
	var err error
	if d.s, err = h.Listen(at("::", port), o, d); err != nil {
		t.Fatal(err)
	}
	d.s.Start()
	return d
}

func dial(t testing.TB, h *sim.Host, to poller.Addr) *end {
	t.Helper()
	e := new(end)
	var err error
	if e.s, err = h.Dial(to, nil, e); err != nil {
		t.Fatal(err)
	}
	e.s.Start()
	return e
}

func bind(t testing.TB, h *sim.Host, addr poller.Addr, o *poller.Options) *box {
	t.Helper()
	b := new(box)
	var err error
	if b.s, err = h.Bind(addr, o, b); err != nil {
		t.Fatal(err)
	}
	b.s.Start()
	return b
}

// A net is a world whose hosts the test polls by turns.
type testnet struct {
	testing.TB
	*sim.World
	hosts []*sim.Host
}

// two is a world with two hosts.
func two(t testing.TB, seed uint64, cfg sim.Config) (n *testnet, a, b *sim.Host) {
	n = &testnet{TB: t, World: sim.New(seed, cfg)}
	a, b = n.Host("a"), n.Host("b")
	n.hosts = []*sim.Host{a, b}
	return n, a, b
}

func (n *testnet) Errorf(format string, args ...any) { n.TB.Helper(); n.TB.Errorf(format, args...) }

// turn polls every host, and lets d pass.
func (n *testnet) turn(d time.Duration) {
	n.TB.Helper()
	end := n.Now().Add(d)
	for first := true; first || n.Now() < end; first = false {
		for _, h := range n.hosts {
			if err := h.Poll(min(n.Now().Add(20*time.Microsecond), end)); err != nil {
				n.Fatalf("Poll of %s: %v", h.Name(), err)
			}
		}
	}
}

// until polls by turns until done, at most for an hour of the world's time. It
// polls ever more seldom, for the sake of what takes minutes.
func (n *testnet) until(what string, done func() bool) {
	n.TB.Helper()
	step := 20 * time.Microsecond
	for !done() {
		if n.Now() > poller.Time(50*time.Minute) {
			n.Fatalf("not %s\n%s", what, n.State())
		}
		for _, h := range n.hosts {
			if err := h.Poll(n.Now().Add(step)); err != nil {
				n.Fatalf("until %s: Poll of %s: %v", what, h.Name(), err)
			}
		}
		step = min(step+step/64+1, time.Second)
	}
}

// pair is a connection from b to a.
func (n *testnet) pair() (dialed, accepted *end) {
	n.TB.Helper()
	d := listen(n.TB, n.hosts[0], nil)
	e := dial(n.TB, n.hosts[1], at("10.0.0.1", port))
	n.until("connected", func() bool { return e.connected && len(d.ends) == 1 })
	d.s.Close()
	return e, d.ends[0]
}

// pattern is n bytes of which no two neighbours are the same.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}
