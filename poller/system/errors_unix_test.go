//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/poller"
)

// TestSecondSendPanics: it is a bug of the caller, who would lose data.
func TestSecondSendPanics(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		panics := func(what string, f func()) {
			t.Helper()
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "Send before Sent") {
					t.Errorf("%s: recovered %v", what, v)
				}
			}()
			f()
		}
		a, _ := pair(t, p, local)
		big := [][]byte{make([]byte, 64<<20)}
		if a.Send(big) {
			t.Fatal("the system took 64 MiB that nobody reads")
		}
		panics("a stream", func() { a.Send(big) })
		s := bind(t, p, local, nil)
		huge := []poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}}
		s.Send(huge)
		panics("a packet socket", func() { s.Send(huge) })
	})
}

// TestErrorsNameTheCall: os.SyscallError is what the packages above wrap.
func TestErrorsNameTheCall(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		l := listen(t, p, local)
		_, err := p.Listen(l.Addr(), nil, new(listener))
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Syscall != "bind" && call.Syscall != "listen" {
			t.Errorf("Listen: %v", err)
		}
		_, err = p.Listen(poller.AddrOf(l.Addr().AddrPort), &poller.Options{V6Only: true}, new(listener))
		if !errors.As(err, &call) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Listen with V6Only on IPv4: %v", err)
		}
		s := dial(t, p, nobody)
		s.connected = func(e error) { err = e }
		until(t, p, "the dial has failed", func() bool { return errors.As(err, &call) && call.Syscall == "connect" })
		if !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, net.ErrClosed) {
			t.Errorf("Connected(%v)", err)
		}
	})
}
