package stream_test

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/tcp"
)

// addresses are both ends of a connection as both ends see them.
type addresses struct{ dialedLocal, dialedRemote, acceptedLocal, acceptedRemote netip.AddrPort }

// connect listens and dials and returns the addresses; an error is the dial's.
func (r *rig) connect(listen string, o *tcp.Options, dialHost string) (a addresses, dialErr error) {
	r.Helper()
	ln, err := tcp.Listen(r.lp, listen, o)
	if err != nil && strings.Contains(listen, ":0") && listen[0] == '[' {
		r.Skip("no IPv6 here: ", err)
	}
	r.no(err)
	ln.OnAccept = func(c *tcp.Conn) { a.acceptedLocal, a.acceptedRemote = c.LocalAddr().AddrPort, c.RemoteAddr().AddrPort }
	over := false
	addr := net.JoinHostPort(dialHost, strconv.Itoa(int(ln.LocalAddr().Port())))
	_, err = tcp.Dial(r.lp, addr, nil, func(c *tcp.Conn, err error) {
		a.dialedLocal, a.dialedRemote = c.LocalAddr().AddrPort, c.RemoteAddr().AddrPort
		over, dialErr = true, err
	})
	r.no(err)
	r.until("both ends are there", func() bool { return over && (dialErr != nil || a.acceptedRemote.IsValid()) })
	r.no(ln.Close())
	return a, dialErr
}

// want checks that the ends agree, and on which address.
func (a addresses) want(r *rig, host string) {
	r.Helper()
	r.equal("the dialed end's RemoteAddr", a.dialedRemote, a.acceptedLocal)
	r.equal("the accepted end's RemoteAddr", a.acceptedRemote, a.dialedLocal)
	r.equal("address", a.dialedRemote.Addr(), netip.MustParseAddr(host))
	r.equal("address of the dialed end", a.dialedLocal.Addr(), netip.MustParseAddr(host))
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ name, listen, dial, want string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
		{"every IPv4", "0.0.0.0:0", "127.0.0.1", "127.0.0.1"},
		{"IPv6", "[::1]:0", "::1", "::1"},
		{"dual stack by IPv6", "[::]:0", "::1", "::1"},
		// A mapped address is an IPv4 one to everybody (RFC 4291, 2.5.5.2).
		{"dual stack by IPv4", "[::]:0", "127.0.0.1", "127.0.0.1"},
		{"no host by IPv4", ":0", "127.0.0.1", "127.0.0.1"},
		{"no host by IPv6", ":0", "::1", "::1"},
		{"mapped", "127.0.0.1:0", "::ffff:127.0.0.1", "127.0.0.1"},
		{"a name", "localhost:0", "localhost", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.dial == "localhost" {
				needLocalhost(t)
			}
			r := newRig(t)
			a, err := r.connect(c.listen, nil, c.dial)
			r.no(err)
			if c.want == "" {
				c.want = a.dialedRemote.Addr().String()
			}
			a.want(r, c.want)
		})
	}
	t.Run("V6Only", func(t *testing.T) {
		r := newRig(t)
		_, err := r.connect("[::]:0", &tcp.Options{V6Only: true}, "127.0.0.1")
		r.is(err, syscall.ECONNREFUSED)
	})
}

// needLocalhost skips a test of a name that every table of hosts has, where there is
// no table.
func needLocalhost(t *testing.T) {
	t.Helper()
	if _, err := net.LookupHost("localhost"); err != nil {
		t.Skip("this machine does not know itself: ", err)
	}
}

// A link-local address is one only together with its interface (RFC 4007).
func TestZone(t *testing.T) {
	ip, zone := linkLocal()
	if zone == "" {
		t.Skip("no interface has a link-local address")
	}
	r := newRig(t)
	host := ip + "%" + zone
	a, err := r.connect("["+host+"]:0", nil, host)
	r.no(err)
	a.want(r, host)
	_, err = tcp.Listen(r.lp, "["+ip+"%nosuch]:0", nil)
	if err == nil {
		t.Error("listening in a zone that is not there")
	}
}

func linkLocal() (ip, zone string) {
	ifs, _ := net.Interfaces()
	for _, ifi := range ifs {
		if ifi.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, _ := ifi.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
				return n.IP.String(), ifi.Name
			}
		}
	}
	return "", ""
}

func TestAddressInUse(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, nil)
	_, err := tcp.Listen(r.lp, ln.LocalAddr().String(), nil)
	r.is(err, syscall.EADDRINUSE)
	r.no(ln.Close())
	r.run()
	again, err := tcp.Listen(r.lp, ln.LocalAddr().String(), nil)
	r.no(err)
	r.no(again.Close())
}

// No host is every address: if IPv6 has the port taken, IPv4 alone is not that.
func TestListenEverywhereOrNowhere(t *testing.T) {
	r := newRig(t)
	six, err := tcp.Listen(r.lp, "[::]:0", &tcp.Options{V6Only: true})
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	ln, err := tcp.Listen(r.lp, ":"+strconv.Itoa(int(six.LocalAddr().Port())), nil)
	r.is(err, syscall.EADDRINUSE)
	r.equal("a listener", ln == nil, true)
}

func TestReusePort(t *testing.T) {
	r := newRig(t)
	o := &tcp.Options{ReusePort: true}
	var counts [2]int
	first, err := tcp.Listen(r.lp, loopback, o)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not spread connections: ", err)
	}
	r.no(err)
	first.OnAccept = func(*tcp.Conn) { counts[0]++ }
	second, err := tcp.Listen(r.lp, first.LocalAddr().String(), o)
	r.no(err)
	second.OnAccept = func(*tcp.Conn) { counts[1]++ }
	const dials = 64 // the chance that one gets them all is 2^-63
	for range dials {
		r.dial(first, nil)
	}
	r.until("all are accepted", func() bool { return counts[0]+counts[1] == dials })
	if counts[0] == 0 || counts[1] == 0 {
		t.Errorf("the listeners got %v", counts)
	}
}

// restart runs a server that closes its connections first, so that they are in
// TIME_WAIT when it has ended (RFC 9293, 3.6.1).
func (r *rig) restart(addr string, o *tcp.Options) (netip.AddrPort, error) {
	r.Helper()
	ln, err := tcp.Listen(r.lp, addr, o)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ln.OnAccept = func(c *tcp.Conn) { c.Close() }
	for range 5 {
		r.dial(ln, nil)
	}
	r.no(ln.Close())
	r.run()
	return ln.LocalAddr().AddrPort, nil
}

// A server restarts although connections of its predecessor are in TIME_WAIT.
func TestRestartInTimeWait(t *testing.T) {
	r := newRig(t)
	addr, err := r.restart(loopback, nil)
	r.no(err)
	for range 3 {
		_, err = r.restart(addr.String(), nil)
		r.no(err)
	}
}
