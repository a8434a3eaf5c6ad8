//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A refused poller is one whose system takes nothing more to watch, as when
// fs.epoll.max_user_watches is reached or there is no memory: what cannot be told
// where it happens must come by upcall (rule 2).
type refused struct {
	*testing.T
	*readiness
}

func newRefused(t *testing.T) *refused {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return &refused{T: t, readiness: p.(*readiness)}
}

// while makes calls that the system refuses, and then lets Poll tell.
func (r *refused) while(f func()) {
	r.Helper()
	refusing(r.T, &r.queue, f, func() {
		r.Helper()
		if err := r.Poll(poller.Never); err != nil { // there is something to tell, so it does not wait
			r.Fatal("Poll: ", err)
		}
	})
}

// told is a handler of everything.
type told struct {
	connected, received, sent, failed error
	accepted                          poller.Stream
	closed, n                         int
}

func (h *told) Connected(err error)          { h.connected = err; h.n++ }
func (h *told) Received(_ []byte, err error) { h.received = err; h.n++ }
func (h *told) Sent(err error)               { h.sent = err; h.n++ }
func (h *told) Failed(err error)             { h.failed = err; h.n++ }
func (h *told) Closed()                      { h.closed++ }
func (h *told) Accepted(s poller.Stream) poller.StreamHandler {
	h.accepted = s
	return new(told)
}

type toldPacket struct{ told }

func (h *toldPacket) Received(_ []poller.Message, err error) { h.received = err; h.n++ }
func (h *toldPacket) Sent(_ int, err error)                  { h.sent = err; h.n++ }

func (r *refused) is(what string, err error) {
	r.Helper()
	if !errors.Is(err, unix.EBADF) && !errors.Is(err, unix.ENOSPC) {
		r.Errorf("%s: %v", what, err)
	}
}

func TestRefusedByTheSystem(t *testing.T) {
	r := newRefused(t)
	host := poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:0"))
	l := new(told)
	ls, err := r.Listen(host, nil, l)
	if err != nil {
		t.Fatal("Listen: ", err)
	}
	r.while(ls.Start)
	r.is("Start of a listener: Failed", l.failed)
	ls.Start() // it tries again

	d := new(told)
	var ds poller.Stream
	r.while(func() { ds, err = r.Dial(ls.Addr(), nil, d) })
	if err != nil {
		t.Fatal("Dial: ", err)
	}
	r.is("Dial: Connected", d.connected)
	ds.Close()

	s := new(told)
	ss, err := r.Dial(ls.Addr(), nil, s)
	if err != nil {
		t.Fatal("Dial: ", err)
	}
	for s.n == 0 || l.accepted == nil {
		if err := r.Poll(poller.Never); err != nil {
			t.Fatal("Poll: ", err)
		}
	}
	big := make([]byte, 64<<20)
	r.while(func() {
		if ss.Send([][]byte{big}) {
			t.Error("the system took 64 MiB that nobody reads")
		}
	})
	r.is("Send: Sent", s.sent)
	r.while(ss.Start)
	r.is("Start: Received", s.received)

	p := new(toldPacket)
	ps, err := r.Bind(host, nil, p)
	if err != nil {
		t.Fatal("Bind: ", err)
	}
	r.while(ps.Start)
	r.is("Start of a packet socket: Received", p.received)

	if _, err := r.Watch(^uintptr(0), poller.Readable, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("Watch: %v", err)
	}
	for _, s := range []poller.Socket{ls, ss, ps} {
		s.Close()
	}
	r.while(func() {})
	if l.n != 1 || d.n != 1 || s.n != 3 || p.n != 1 || l.closed+d.closed+s.closed+p.closed != 4 {
		t.Errorf("upcalls: %+v %+v %+v %+v", l, d, s, p)
	}
}

// TestRefusedAndClosed closes what has something to tell: only Closed comes, and
// the Send is answered.
func TestRefusedAndClosed(t *testing.T) {
	r := newRefused(t)
	d := new(told)
	r.while(func() {
		s, err := r.Dial(poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:1")), nil, d)
		if err != nil {
			t.Fatal("Dial: ", err)
		}
		s.Close()
	})
	if d.n != 0 || d.closed != 1 {
		t.Errorf("a dial that was closed: %+v", d)
	}
	p := new(toldPacket)
	r.while(func() {
		s, err := r.Bind(poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:0")), nil, p)
		if err != nil {
			t.Fatal("Bind: ", err)
		}
		s.Start()
		s.Send([]poller.Message{{Data: make([]byte, 100_000), Peer: s.Addr().AddrPort}})
		s.Close()
	})
	if p.received != nil || p.n != 1 || p.closed != 1 {
		t.Errorf("a packet socket that was closed: %+v", p)
	}
}
