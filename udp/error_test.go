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
