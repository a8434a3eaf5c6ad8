//go:build !kqfake

package readiness

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A renewal is a poller with a Watch and a datagram socket, whose epoll instance is renewed
// while the system refuses to take them.
type renewal struct {
	*testing.T
	*readiness
	fds     [2]int // a pair of sockets, the first is watched
	watch   *watch
	got     []poller.Events
	packet  poller.Packet
	arrived toldPacket
}

func newRenewal(t *testing.T) *renewal {
	p, err := New()
	if err != nil {
		t.Fatal("New: ", err)
	}
	r := &renewal{T: t, readiness: p.(*readiness)}
	t.Cleanup(func() { p.Close() })
	if r.fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal("socketpair: ", err)
	}
	t.Cleanup(func() { unix.Close(r.fds[0]); unix.Close(r.fds[1]) })
	w, err := p.Watch(uintptr(r.fds[0]), poller.Readable, r)
	if err != nil {
		t.Fatal("Watch: ", err)
	}
	r.watch = w.(*watch)
	if r.packet, err = p.Bind(poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:0")), nil, &r.arrived); err != nil {
		t.Fatal("Bind: ", err)
	}
	r.packet.Start()
	return r
}

func (r *renewal) Ready(ev poller.Events) { r.got = append(r.got, ev) }
func (r *renewal) Closed()                {}

// refuse renews the instance, which takes nothing.
func (r *renewal) refuse(e sys.Errno) {
	r.Helper()
	if !r.renewBy(r.readiness, func(int32, uint32, uint32, marks) sys.Errno { return e }) {
		r.Fatal("the instance was not renewed")
	}
}

// until polls until ok, which the renewed instance must lead to.
func (r *renewal) until(what string, ok func() bool) {
	r.Helper()
	for limit := r.Now().Add(10 * time.Second); !ok(); {
		if r.Now() > limit {
			r.Fatal("in vain until ", what)
		}
		if err := r.Poll(limit); err != nil {
			r.Fatal("Poll: ", err)
		}
	}
}

// TestRenewedWithoutRoom: what the new instance has no room for is kept, and comes into it
// when there is some.
func TestRenewedWithoutRoom(t *testing.T) {
	for _, e := range []sys.Errno{unix.ENOSPC, unix.ENOMEM} {
		r := newRenewal(t)
		r.refuse(e)
		for range 3 {
			r.moveBy(r.readiness, func(int32, uint32, uint32, marks) sys.Errno { return e })
		}
		if r.watch.lost || len(r.unmoved) != 2 {
			t.Errorf("%v: the Watch is lost: %v, and %d are unmoved, want 2", e, r.watch.lost, len(r.unmoved))
		}
		unix.Write(r.fds[1], []byte("x"))
		r.packet.Send([]poller.Message{{Data: []byte("y"), Peer: r.packet.Addr().AddrPort}})
		r.until("all is told", func() bool { return len(r.got) > 0 && r.arrived.n > 0 })
		if r.moving() || r.got[0] != poller.Readable || r.arrived.received != nil {
			t.Errorf("%v: unmoved %v, the Watch was told %x, the socket %v", e, r.unmoved, r.got, r.arrived.received)
		}
	}
}

// TestSetBeforeItIsMoved: what is not in the new instance yet can be changed, stopped and
// closed like all else.
func TestSetBeforeItIsMoved(t *testing.T) {
	for _, ev := range []poller.Events{poller.Readable | poller.Writable, poller.Writable, poller.Failed} {
		r := newRenewal(t)
		r.refuse(unix.ENOSPC)
		if err := r.watch.Set(ev); err != nil {
			t.Errorf("Set(%#x): %v", ev, err)
		}
		r.packet.Stop()
		if r.moving() {
			t.Errorf("unmoved still: %v", r.unmoved)
		}
		r.moveBy(r.readiness, r.admit)
		if r.watch.lost {
			t.Error("the Watch is lost")
		}
		if ev != poller.Failed {
			r.until("it is writable", func() bool { return len(r.got) > 0 })
		}
		if err := r.watch.Set(0); err != nil {
			t.Error("Set(0): ", err)
		}
	}
	r := newRenewal(t)
	r.refuse(unix.ENOSPC)
	r.watch.Close()
	r.packet.Close()
	r.until("it is closed", func() bool { return r.arrived.closed > 0 })
	if r.moveBy(r.readiness, r.admit); r.moving() || r.watch.lost {
		t.Errorf("unmoved %v after Close; the Watch is lost: %v", r.unmoved, r.watch.lost)
	}
}

// TestRenewedWithAnother: a number that is another file's by then is not watched.
func TestRenewedWithAnother(t *testing.T) {
	for _, narrower := range []bool{false, true} {
		r := newRenewal(t)
		if err := r.watch.Set(poller.Readable | poller.Writable); err != nil {
			t.Fatal("Set: ", err)
		}
		r.refuse(unix.ENOSPC)
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal("pipe2: ", err)
		}
		if err := unix.Dup3(pipe[1], r.fds[0], unix.O_CLOEXEC); err != nil {
			t.Fatal("dup3: ", err)
		}
		if narrower {
			if err := r.watch.Set(poller.Writable); !errors.Is(err, unix.EBADF) {
				t.Error("Set of a Watch whose descriptor is another's: ", err)
			}
		} else {
			r.moveBy(r.readiness, r.admit)
		}
		if !r.watch.lost {
			t.Error("the Watch is not lost")
		}
		unix.Close(pipe[0])
		unix.Close(pipe[1])
	}
}

// TestRenewedAndRefused: of a descriptor that cannot be watched any more a Watch is lost,
// and a socket is told.
func TestRenewedAndRefused(t *testing.T) {
	for _, e := range []sys.Errno{unix.EBADF, unix.EEXIST, unix.EPERM} {
		r := newRenewal(t)
		r.refuse(e)
		if !r.watch.lost || r.moving() {
			t.Errorf("%v: the Watch is lost: %v, unmoved are %v", e, r.watch.lost, r.unmoved)
		}
		r.until("the socket is told", func() bool { return r.arrived.n > 0 })
		if !errors.Is(r.arrived.received, e) {
			t.Errorf("the socket was told %v, want %v", r.arrived.received, e)
		}
	}
}

// TestRefusedWhenItIsTriedAgain: a refusal for good that comes later is told at once, and does not
// wait for the end of the Poll that found it.
func TestRefusedWhenItIsTriedAgain(t *testing.T) {
	r := newRenewal(t)
	r.refuse(unix.ENOSPC)
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal("open: ", err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, int(r.packet.(*packet).fd), unix.O_CLOEXEC); err != nil { // which epoll does not watch
		t.Fatal("dup3: ", err)
	}
	limit := r.Now().Add(10 * time.Second)
	for r.arrived.n == 0 && r.Now() < limit {
		if err := r.Poll(limit); err != nil {
			t.Fatal("Poll: ", err)
		}
	}
	if r.Now() >= limit || !errors.Is(r.arrived.received, unix.EPERM) {
		t.Errorf("the socket was told %v after %v", r.arrived.received, r.Now())
	}
}
