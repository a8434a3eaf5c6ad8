package tcp

import (
	"context"
	"net/netip"
	"os"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// Dial connects to "host:port" and calls fn once, from the loop: with a
// connection that can be read from and written to, or with the error. Dial returns
// the same connection at once. Close gives it up, and the output of Write waits until
// it is made. fn should set the callbacks. Reading begins when fn returns. Dial
// belongs to the loop's goroutine.
//
// loop.Options.Resolver resolves a host name off the loop. No host, or an
// unspecified address, is this machine. Of several addresses the first to answer
// is taken (happy eyeballs, RFC 8305), and the other attempts are closed. The addresses
// are tried in the resolver's order, with the two families in turn. The next attempt
// begins as soon as one fails, or after Options.AttemptDelay. At most 8 run at once, and
// the oldest makes room for a new one.
//
// After an error the connection is closed. It needs no Close, and OnClose follows if
// it was set. errors.Is finds os.ErrDeadlineExceeded (Options.Timeout),
// net.ErrClosed (Close), syscall.ECONNREFUSED and the like. If several
// addresses have failed, the error tells of each, and its text begins with the first.
//
// Dial itself returns an error for an address that cannot be, for options that make
// no sense and for a closed loop, and os.ErrInvalid for a nil fn, loop or context. fn is
// not called then.
func Dial(lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	return DialContext(context.Background(), lp, addr, o, fn)
}

// DialContext is Dial, and gives up with ctx's cause when ctx ends. Once the
// connection is made ctx has no effect on it.
func DialContext(ctx context.Context, lp *loop.Loop, addr string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("tcp.Dial"); err != nil {
		return nil, err
	}
	if lp == nil {
		return nil, netop.NameError("dial", network, addr, os.ErrInvalid)
	}
	host, port, err := netop.Split(network, addr)
	if err != nil {
		return nil, netop.NameError("dial", network, addr, err)
	}
	to := stream.Target{Network: network, Name: addr, Host: host, Addrs: literal(host, port)}
	if to.Addrs == nil {
		to.Find = func(ctx context.Context) ([]poller.Addr, error) {
			ips, err := netop.Resolve(ctx, lp.Resolver(), host)
			return netop.At(port, interleave(ips)...), err
		}
	}
	return stream.Dial(ctx, lp, to, o, fn)
}

// literal is the addresses of a host that is no name, or nil.
func literal(host string, port uint16) []poller.Addr {
	ip, err := netip.ParseAddr(host)
	four, six := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()
	switch {
	case host == "", err == nil && ip.Unmap() == netip.IPv4Unspecified():
		return netop.At(port, four, six)
	case err != nil:
		return nil
	case ip == netip.IPv6Unspecified():
		return netop.At(port, six, four)
	}
	return netop.At(port, ip.Unmap())
}

// interleave has the families take turns. The family of the first address begins. Within a
// family the resolver's order stays (RFC 8305, 4); that of the system's resolver is the order of
// RFC 6724.
func interleave(ips []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr // the first one's and the other
	for _, ip := range ips {
		ip = ip.Unmap()
		other := 0
		if ip.Is4() != ips[0].Unmap().Is4() {
			other = 1
		}
		families[other] = append(families[other], ip)
	}
	mixed := make([]netip.Addr, 0, len(ips))
	for i := range ips {
		for _, f := range families {
			if i < len(f) {
				mixed = append(mixed, f[i])
			}
		}
	}
	return mixed
}
