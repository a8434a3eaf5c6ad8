package udp_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

func TestReuseAddr(t *testing.T) {
	lp := newLoop(t)
	share := &udp.Options{ReuseAddr: true}
	a := listen(t, lp, anyV4, share)
	b := listen(t, lp, a.LocalAddr().String(), share)
	_, err := udp.Listen(lp, a.LocalAddr().String(), nil)
	is(t, err, syscall.EADDRINUSE)
	got := 0
	for _, c := range []*udp.Conn{a, b} {
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
	}
	sender := listen(t, lp, anyV4, nil)
	writeTo(t, sender, "to one of them", a.LocalAddr())
	soon(t, lp, func() { a.Close(); b.Close(); sender.Close() })
	run(t, lp)
	equal(t, "copies of a unicast datagram", got, 1)
}

func TestReusePortSpreads(t *testing.T) {
	lp := newLoop(t)
	share := &udp.Options{ReusePort: true}
	a, err := udp.Listen(lp, anyV4, share)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not spread datagrams over sockets: ", err)
	}
	no(t, err)
	b := listen(t, lp, a.LocalAddr().String(), share)
	const senders = 64
	var got [2]int
	all := []*udp.Conn{a, b}
	for i, c := range []*udp.Conn{a, b} {
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
			if got[i]++; got[0]+got[1] == senders {
				for _, c := range all {
					c.Close()
				}
			}
		}
	}
	for range senders {
		c := listen(t, lp, anyV4, nil)
		writeTo(t, c, "x", a.LocalAddr())
		all = append(all, c)
	}
	run(t, lp)
	if got[0] == 0 || got[1] == 0 {
		t.Errorf("%v: the second socket gets nothing", got)
	}
}
