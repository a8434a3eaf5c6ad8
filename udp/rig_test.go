package udp_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/pike/loop"
	"example.com/pike/poller/pollertest"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; nothing is expected to take so long.
const patience = 60 * time.Second

// newLoop returns a loop that ends with the test.
func newLoop(t testing.TB, o ...loop.Options) *loop.Loop {
	t.Helper()
	var opts loop.Options
	if len(o) > 0 {
		opts = o[0]
	}
	lp, err := loop.New(opts)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend for this system yet: ", err)
	}
	no(t, err)
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error("closing the loop: ", err)
		}
	})
	return lp
}

// run runs lp until it ends by itself.
func run(t testing.TB, lp *loop.Loop) {
	t.Helper()
	late := false
	guard, err := timer.After(lp, patience, func() { late = true; lp.Stop() })
	no(t, err)
	guard.Unref()
	no(t, lp.Run())
	if late {
		var left []string
		lp.Walk(func(h loop.Handle) { left = append(left, fmt.Sprintf("%T", h)) })
		t.Fatalf("the loop still ran after %v; handles left: %v", patience, left)
	}
	guard.Stop()
}

// settle runs what is on its way, while sockets stay open. Loopback delivers within
// the call that sends, or on BSDs by a thread of the kernel soon after.
func settle(t testing.TB, lp *loop.Loop) {
	t.Helper()
	_, err := timer.After(lp, 20*time.Millisecond, lp.Stop)
	no(t, err)
	no(t, lp.Run())
}

// soon is for what must not happen: it is late enough for it to have happened.
func soon(t testing.TB, lp *loop.Loop, fn func()) {
	t.Helper()
	_, err := timer.After(lp, 20*time.Millisecond, fn)
	no(t, err)
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// opIs holds an error against the form that the package promises.
func opIs(t testing.TB, err error, op string, addr netip.AddrPort, want error) {
	t.Helper()
	var e *net.OpError
	if !errors.As(err, &e) {
		t.Fatalf("%v is a %T, want a *net.OpError", err, err)
	}
	equal(t, "operation", e.Op, op)
	equal(t, "network", e.Net, "udp")
	if addr.IsValid() {
		if e.Addr == nil {
			t.Fatalf("%v has no address, want %v", err, addr)
		}
		equal(t, "address", e.Addr.String(), addr.String())
	} else if e.Addr != nil {
		t.Fatalf("%v has the address %v, want none", err, e.Addr)
	}
	is(t, err, want)
}

const (
	anyV4 = "127.0.0.1:0"
	anyV6 = "[::1]:0"
)

func listen(t testing.TB, lp *loop.Loop, addr string, o *udp.Options) *udp.Conn {
	t.Helper()
	c, err := udp.Listen(lp, addr, o)
	no(t, err)
	c.OnError = func(_ *udp.Conn, err error) { t.Errorf("error on %s: %v", addr, err) }
	return c
}

func dial(t testing.TB, lp *loop.Loop, peer netip.AddrPort) *udp.Conn {
	t.Helper()
	c, err := udp.Dial(lp, peer.String(), nil)
	no(t, err)
	c.OnError = func(_ *udp.Conn, err error) { t.Errorf("error on a socket connected to %v: %v", peer, err) }
	return c
}

func writeTo(t testing.TB, c *udp.Conn, s string, to netip.AddrPort) {
	t.Helper()
	n, err := c.WriteTo([]byte(s), to)
	no(t, err)
	equal(t, "written", n, len(s))
}

// refused is an address where datagrams are refused: the socket that has its
// port takes them from one peer only, and keeps the system from giving the port
// to somebody who would take them.
func refused(t testing.TB, lp *loop.Loop, addr string) netip.AddrPort {
	t.Helper()
	c := listen(t, lp, addr, nil)
	c.Unref()
	at := c.LocalAddr()
	no(t, c.Connect(netip.AddrPortFrom(at.Addr(), 1)))
	return at
}

// needNetPackets skips a test of what package net opens.
func needNetPackets(t testing.TB) {
	t.Helper()
	if pollertest.Wine() != "" {
		t.Skip("package net opens no datagram sockets under Wine")
	}
}

// needBindCheck skips a test of binding to one address of several.
func needBindCheck(t testing.TB) {
	t.Helper()
	if pollertest.Wine() != "" {
		t.Skip("Wine binds datagram sockets to all addresses and looks at the interface")
	}
}

// needControl skips a test of what the IP header of a datagram says.
func needControl(t testing.TB, lp *loop.Loop) {
	t.Helper()
	c, err := udp.Listen(lp, anyV4, &udp.Options{RecvTrafficClass: true})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not tell what an IP header says: ", err)
	}
	no(t, err)
	no(t, c.Close())
}

func needIPv6(t testing.TB) {
	t.Helper()
	c, err := net.Listen("tcp6", anyV6)
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	c.Close()
}
