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
// connection that can be read from and written to, or with the error. The
// connection it returns is the same one, for Close to give up, and for Write,
// whose output waits. fn should set the callbacks; reading begins when it
// returns.
//
// A host that is a name is resolved off the loop, by loop.Options.Resolver. No
// host, or an unspecified address, is this machine. Of several addresses the
// first to answer is taken (happy eyeballs, RFC 8305): they are tried in the resolver's
// order, with the two families in turn; the next one as soon as one fails, or
// after Options.AttemptDelay; at most 8 at once, of which the oldest then makes
// room. What is not taken is closed.
//
// After an error the connection is closed: it needs no Close, and OnClose, where
// it was set, follows. errors.Is tells os.ErrDeadlineExceeded (Options.Timeout),
// net.ErrClosed (Close), syscall.ECONNREFUSED and the like. If several
// addresses have failed it tells of each, and the text begins with the first.
//
// The error returned is of the call itself (an address that cannot be, options
// that make no sense, a closed loop, os.ErrInvalid for a nil fn, loop or context):
// fn is then not called.
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

// interleave has the families take turns, beginning with that of the first address;
// within each the resolver's order stays, which is that of RFC 6724 where it is
// the system's (RFC 8305, 4).
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
