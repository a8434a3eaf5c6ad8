package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

// bindable reports whether an address is one of this machine.
func bindable(ip netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestOnErrorOfWrites(t *testing.T) {
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for name, c := range map[string]struct {
		data string
		to   netip.AddrPort
		want error
	}{
		"too big":        {strings.Repeat("x", tooBig), to, syscall.EMSGSIZE},
		"another family": {"x", netip.MustParseAddrPort("[::1]:9"), syscall.EAFNOSUPPORT},
		"broadcast":      {"x", netip.MustParseAddrPort("127.255.255.255:9"), syscall.EACCES},
	} {
		t.Run(name, func(t *testing.T) {
			if ip := c.to.Addr(); name == "broadcast" && !bindable(ip.Prev()) {
				t.Skip("loopback is no network here, and has no broadcast address")
			}
			lp := newLoop(t)
			server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
			told := 0
			client.OnError = func(client *udp.Conn, err error) {
				told++
				opIs(t, err, "write", c.to, c.want)
				var op *net.OpError
				errors.As(err, &op)
				equal(t, "source", op.Source.String(), client.LocalAddr().String())
				var call *os.SyscallError
				equal(t, "the error names the call", errors.As(err, &call), true)
			}
			n, err := client.WriteTo([]byte(c.data), c.to)
			no(t, err)
			equal(t, "written", n, len(c.data))
			writeTo(t, client, "the socket goes on", server.LocalAddr())
			server.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
				client.Close()
				server.Close()
			}
			run(t, lp)
			equal(t, "errors", told, 1)
		})
	}
}

// A datagram that is too big for a socket that is connected is reported with
// the peer's address, though Write has none.
func TestErrorOfConnectedWriteHasAddress(t *testing.T) {
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := dial(t, lp, server.LocalAddr())
	told := 0
	client.OnError = func(_ *udp.Conn, err error) {
		told++
		opIs(t, err, "write", server.LocalAddr(), syscall.EMSGSIZE)
	}
	_, err := client.Write(make([]byte, tooBig))
	no(t, err)
	no(t, client.WriteBuffer(make([]byte, tooBig), netip.AddrPort{}, func(err error) {
		told++
		opIs(t, err, "write", server.LocalAddr(), syscall.EMSGSIZE)
		server.Close()
		client.Close()
	}))
	run(t, lp)
	equal(t, "errors", told, 2)
}

func TestErrorsWithoutOnError(t *testing.T) {
	lp := newLoop(t)
	c := dial(t, lp, refused(t, lp, anyV4))
	c.OnError = nil
	_, err := c.Write(make([]byte, tooBig))
	no(t, err)
	_, err = c.Write([]byte("refused"))
	no(t, err)
	soon(t, lp, func() { c.Close() })
	run(t, lp)
}

func TestRefusedOnConnectedSocket(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			lp := newLoop(t)
			peer := refused(t, lp, addr)
			c := dial(t, lp, peer)
			told := 0
			c.OnError = func(c *udp.Conn, err error) {
				opIs(t, err, "read", peer, syscall.ECONNREFUSED)
				if told++; told == 2 {
					c.Close()
					return
				}
				_, err = c.Write([]byte("again"))
				no(t, err)
			}
			c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { t.Error("OnRead was called") }
			_, err := c.Write([]byte("is anybody there?"))
			no(t, err)
			run(t, lp)
			equal(t, "refusals", told, 2)
			if n := lp.Metrics().Turns; n > 10 {
				t.Errorf("%d turns for two refusals", n)
			}
		})
	}
}

func TestRecvErrorOnUnconnectedSocket(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			lp := newLoop(t)
			c, err := udp.Listen(lp, addr, &udp.Options{RecvError: true})
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			no(t, err)
			told, reads := 0, 0
			peer := refused(t, lp, addr)
			c.OnError = func(_ *udp.Conn, err error) {
				told++
				opIs(t, err, "read", peer, syscall.ECONNREFUSED)
			}
			c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { reads++ }
			writeTo(t, c, "x", peer)
			soon(t, lp, func() {
				equal(t, "errors", told, 1)
				writeTo(t, c, "to myself", c.LocalAddr())
				soon(t, lp, func() { c.Close() })
			})
			run(t, lp)
			equal(t, "datagrams after the error", reads, 1)
			if n := lp.Metrics().Turns; n > 20 {
				t.Errorf("%d turns", n)
			}
		})
	}
}

// Without RecvError an unconnected socket does not hear of refusals (RFC 1122,
// 4.1.3.3, leaves that to the application; Linux tells connected sockets alone).
func TestUnconnectedSocketIsNotTold(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil) // whose OnError fails the test
	writeTo(t, c, "x", refused(t, lp, anyV4))
	soon(t, lp, func() { c.Close() })
	run(t, lp)
}

func TestBroadcast(t *testing.T) {
	if !bindable(netip.MustParseAddr("127.255.255.254")) {
		t.Skip("loopback is no network here, and has no broadcast address")
	}
	lp := newLoop(t)
	server := listen(t, lp, "0.0.0.0:0", nil)
	// The broadcast address of the loopback network: it does not leave the machine.
	to := netip.AddrPortFrom(netip.MustParseAddr("127.255.255.255"), server.LocalAddr().Port())
	allowed := listen(t, lp, anyV4, &udp.Options{Broadcast: true})
	later := listen(t, lp, anyV4, nil)
	no(t, later.SetBroadcast(true))
	refused := listen(t, lp, anyV4, &udp.Options{Broadcast: true})
	no(t, refused.SetBroadcast(false))
	told := 0
	refused.OnError = func(_ *udp.Conn, err error) {
		told++
		opIs(t, err, "write", to, syscall.EACCES)
		is(t, err, os.ErrPermission)
	}
	heard := map[netip.AddrPort]bool{}
	server.OnRead = func(_ *udp.Conn, _ []byte, from netip.AddrPort) { heard[from] = true }
	all := []*udp.Conn{refused, allowed, later}
	for _, c := range all {
		writeTo(t, c, "to all", to)
	}
	soon(t, lp, func() {
		equal(t, "allowed by option", heard[allowed.LocalAddr()], true)
		equal(t, "allowed later", heard[later.LocalAddr()], true)
		equal(t, "senders", len(heard), 2)
		for _, c := range append(all, server) {
			c.Close()
		}
	})
	run(t, lp)
	equal(t, "errors", told, 1)
}
