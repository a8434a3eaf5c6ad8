package conformance

import (
	"net"
	"syscall"
)

var _ = add(
	line{id: "U11", name: "options", run: func(e *env) {
		udpCase(e, "IPv4", func(e *env) { udpOptions(e, "127.0.0.1") })
		udpCase(e, "IPv6", func(e *env) {
			udpIPv6(e, e.loop())
			udpOptions(e, "::1")
		})
	}},
)

// udpOptions tries the bounds of each option. libuv answers EBADF before there
// is a socket; here a Conn always has one, until Close.
func udpOptions(e *env, host string) {
	lp := e.loop()
	c := udpOn(e, lp, net.JoinHostPort(host, "0"), nil)
	for hops := 1; hops <= 255; hops++ {
		e.no(c.SetTTL(hops))
		got, err := c.TTL()
		e.no(err)
		e.equal("TTL", got, hops)
	}
	for _, hops := range []int{-1, 0, 256} {
		e.is(c.SetTTL(hops), syscall.EINVAL)
	}
	for hops := 0; hops <= 255; hops++ {
		e.no(c.SetMulticastTTL(hops))
	}
	for _, hops := range []int{-1, 256} {
		e.is(c.SetMulticastTTL(hops), syscall.EINVAL)
	}
	for _, on := range []bool{true, false} {
		e.no(c.SetMulticastLoopback(on))
		e.no(c.SetBroadcast(on))
	}

	c.Close()
	e.run(lp)
	for name, err := range map[string]error{
		"TTL":          c.SetTTL(1),
		"multicastTTL": c.SetMulticastTTL(1),
		"loopback":     c.SetMulticastLoopback(true),
		"broadcast":    c.SetBroadcast(true),
		"interface":    c.SetMulticastInterface(nil),
	} {
		if op, ok := err.(*net.OpError); !ok || op.Err != net.ErrClosed {
			e.Errorf("setting %s after Close: %v, want net.ErrClosed", name, err)
		}
	}
}
