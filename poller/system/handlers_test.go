package system_test

import (
	"net/netip"
	"testing"
	"time"

	"example.com/pike/poller"
)

// The handlers of these tests are functions; those that are nil do nothing.
type (
	stream struct {
		poller.Stream
		connected func(error)
		received  func([]byte, error)
		sent      func(error)
		closed    func()
	}
	listener struct {
		poller.Socket
		accepted func(poller.Stream) poller.StreamHandler
		failed   func(error)
		closed   func()
	}
	packet struct {
		poller.Packet
		received func([]poller.Message, error)
		sent     func(int, error)
		closed   func()
	}
	watch struct {
		poller.Watch
		ready  func(poller.Events)
		closed func()
	}
)

func (s *stream) Connected(err error) {
	if s.connected != nil {
		s.connected(err)
	}
}

func (s *stream) Received(p []byte, err error) {
	if s.received != nil {
		s.received(p, err)
	}
}

func (s *stream) Sent(err error) {
	if s.sent != nil {
		s.sent(err)
	}
}

func (s *stream) Closed() { call(s.closed) }

func (l *listener) Accepted(s poller.Stream) poller.StreamHandler {
	if l.accepted == nil {
		return nil
	}
	return l.accepted(s)
}

func (l *listener) Failed(err error) {
	if l.failed != nil {
		l.failed(err)
	}
}

func (l *listener) Closed() { call(l.closed) }

func (p *packet) Received(ms []poller.Message, err error) {
	if p.received != nil {
		p.received(ms, err)
	}
}

func (p *packet) Sent(n int, err error) {
	if p.sent != nil {
		p.sent(n, err)
	}
}

func (p *packet) Closed() { call(p.closed) }

func (w *watch) Ready(ev poller.Events) {
	if w.ready != nil {
		w.ready(ev)
	}
}

func (w *watch) Closed() { call(w.closed) }

func call(f func()) {
	if f != nil {
		f()
	}
}

var local = poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:0"))

// nobody is an address where nobody listens.
var nobody = poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:1"))

// until polls until done, for at most ten seconds.
func until(t testing.TB, p poller.Poller, what string, done func() bool) {
	t.Helper()
	for deadline := p.Now().Add(10 * time.Second); !done(); {
		if p.Now() >= deadline {
			t.Fatalf("waiting until %s: not after 10 s", what)
		}
		if err := p.Poll(deadline); err != nil {
			t.Fatal("Poll: ", err)
		}
	}
}

// pause polls until d has passed and returns how many Polls that took.
func pause(t testing.TB, p poller.Poller, d time.Duration) (polls int) {
	t.Helper()
	for deadline := p.Now().Add(d); p.Now() < deadline; polls++ {
		if err := p.Poll(deadline); err != nil {
			t.Fatal("Poll: ", err)
		}
	}
	return polls
}

func listen(t testing.TB, p poller.Poller, addr poller.Addr) *listener {
	t.Helper()
	l := new(listener)
	var err error
	if l.Socket, err = p.Listen(addr, nil, l); err != nil {
		t.Fatal("Listen: ", err)
	}
	l.Start()
	return l
}

func dial(t testing.TB, p poller.Poller, addr poller.Addr) *stream {
	t.Helper()
	s := new(stream)
	var err error
	if s.Stream, err = p.Dial(addr, nil, s); err != nil {
		t.Fatal("Dial: ", err)
	}
	return s
}

func bind(t testing.TB, p poller.Poller, addr poller.Addr, o *poller.Options) *packet {
	t.Helper()
	s := new(packet)
	var err error
	if s.Packet, err = p.Bind(addr, o, s); err != nil {
		t.Fatal("Bind: ", err)
	}
	s.Start()
	return s
}

// pair is both ends of a connection to addr, stopped.
func pair(t testing.TB, p poller.Poller, addr poller.Addr) (dialed, accepted *stream) {
	t.Helper()
	l := listen(t, p, addr)
	l.accepted = func(s poller.Stream) poller.StreamHandler {
		accepted = &stream{Stream: s}
		return accepted
	}
	up := false
	dialed = dial(t, p, l.Addr())
	dialed.connected = func(err error) {
		if err != nil {
			t.Error("Connected: ", err)
		}
		up = true
	}
	until(t, p, "both ends are connected", func() bool { return up && accepted != nil })
	l.Close()
	return dialed, accepted
}
