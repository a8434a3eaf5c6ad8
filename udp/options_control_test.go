package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

// Control sees each socket before it is bound; its error is that of the call.
func TestOptionsControl(t *testing.T) {
	lp := newLoop(t)
	var calls []string
	var kept syscall.RawConn
	o := &udp.Options{Control: func(network, address string, c syscall.RawConn) error {
		calls = append(calls, network+" "+address)
		kept = c
		return c.Control(func(fd uintptr) { equal(t, "a descriptor", fd != ^uintptr(0), true) })
	}}
	a := listen(t, lp, anyV4, o)
	is(t, kept.Control(func(uintptr) {}), net.ErrClosed)
	b, err := udp.Dial(lp, a.LocalAddr().String(), o)
	no(t, err)
	equal(t, "calls", len(calls), 2)
	equal(t, "of Listen", calls[0], "udp4 "+anyV4)
	equal(t, "of Dial", calls[1], "udp4 "+a.LocalAddr().String())
	got := ""
	a.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		got += string(p)
		a.Close()
	}
	_, err = b.Write([]byte("x"))
	no(t, err)
	b.Close()
	run(t, lp)
	equal(t, "received", got, "x")

	refusal := errors.New("not this one")
	o.Control = func(string, string, syscall.RawConn) error { return refusal }
	_, err = udp.Listen(lp, anyV4, o)
	is(t, err, refusal)
	_, err = udp.Dial(lp, "127.0.0.1:9", o)
	is(t, err, refusal)
	equal(t, "alive", lp.Alive(), false)
}
