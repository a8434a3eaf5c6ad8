package udp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// names is a resolver.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	addrs, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var ips []netip.Addr
	for _, a := range addrs {
		ips = append(ips, netip.MustParseAddr(a))
	}
	return ips, nil
}

func TestNames(t *testing.T) {
	lp := newLoop(t, loop.Options{Resolver: names{
		"mapped": {"::ffff:127.0.0.1"}, "none": {},
	}})
	equal(t, "mapped", listen(t, lp, "mapped:0", nil).LocalAddr().Addr(), netip.MustParseAddr("127.0.0.1"))
	c, err := udp.Dial(lp, "mapped:domain", nil)
	no(t, err)
	equal(t, "peer", c.RemoteAddr(), netip.MustParseAddrPort("127.0.0.1:53"))
	for _, name := range []string{"none", "unknown"} {
		for _, err := range []error{
			second(udp.Listen(lp, name+":0", nil)),
			second(udp.Dial(lp, name+":9", nil)),
		} {
			var dns *net.DNSError
			if !errors.As(err, &dns) || !dns.IsNotFound || !strings.Contains(err.Error(), name) {
				t.Errorf("the host %q: %v", name, err)
			}
		}
	}
}

// Of several addresses of a name the first that this machine has is listened on.
func TestNameOfAnAddressThatIsNotHere(t *testing.T) {
	needBindCheck(t)
	lp := newLoop(t, loop.Options{Resolver: names{"not-mine": {"203.0.113.9", "127.0.0.1"}}})
	equal(t, "the second", listen(t, lp, "not-mine:0", nil).LocalAddr().Addr(), netip.MustParseAddr("127.0.0.1"))
}
