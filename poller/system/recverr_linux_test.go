//go:build !kqfake

// The model has no event for the queue of errors, as no BSD has one (IP_RECVERR).

package system_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
)

// TestRecvError sends from a socket that is not connected to ports that nobody
// has: with RecvError the refusals are received, they end nothing, and however
// many there are, they do not spin the loop.
func TestRecvError(t *testing.T) {
	for _, c := range []struct{ name, from, to string }{
		{"ipv4", "127.0.0.1:0", "127.0.0.1:1"},
		{"ipv6", "[::1]:0", "[::1]:1"},
		{"dual stack to ipv4", "[::]:0", "127.0.0.1:1"},
		{"dual stack to ipv6", "[::]:0", "[::1]:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p poller.Poller) {
				recvError(t, p, poller.AddrOf(netip.MustParseAddrPort(c.from)), netip.MustParseAddrPort(c.to))
			})
		})
	}
}

func recvError(t *testing.T, p poller.Poller, from poller.Addr, to netip.AddrPort) {
	s := bind(t, p, from, &poller.Options{RecvError: true})
	var errs []error
	got, answers := 0, 0
	s.received = func(ms []poller.Message, err error) {
		if got += len(ms); err != nil {
			errs = append(errs, err)
		}
	}
	s.sent = func(int, error) { answers++ }
	refused := []poller.Message{{Data: []byte("nobody"), Peer: to}}
	send := func() {
		n := answers
		if !s.Send(refused) { // the refusal of the last may be the error of this
			until(t, p, "a Send is answered", func() bool { return answers > n })
		}
	}
	send()
	until(t, p, "the refusal is received", func() bool { return len(errs) > 0 })
	for range 100 { // more than one Poll takes off the queue
		send()
	}
	pause(t, p, 10*time.Millisecond)
	if n := pause(t, p, 20*time.Millisecond); n > 5 {
		t.Errorf("after the refusals 20 ms took %d Polls", n)
	}
	for _, err := range errs {
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Received(%v)", err)
		}
	}

	// Stopped, with as many behind it.
	s.Stop()
	for range 20 {
		send()
	}
	if n := pause(t, p, 20*time.Millisecond); n > 25 {
		t.Errorf("stopped, 20 ms took %d Polls", n)
	}
	s.Start()
	host := to.Addr()
	self := []poller.Message{{Data: []byte("self"), Peer: netip.AddrPortFrom(host, s.Addr().Port())}}
	for range 3 { // the first Sends may be told of refusals
		n := answers
		if !s.Send(self) {
			until(t, p, "a Send is answered", func() bool { return answers > n })
		}
	}
	until(t, p, "it still receives", func() bool { return got > 0 })
	if n := pause(t, p, 20*time.Millisecond); n > 5 {
		t.Errorf("at last 20 ms took %d Polls", n)
	}
}
