package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/pollertest"
	"example.com/pike/udp"
)

// A network is an interface that takes what is sent to a group, and an address
// to send from, such that nothing leaves the machine.
type network struct {
	ifi   *net.Interface
	host  netip.Addr
	group netip.Addr
	all   string // the wildcard address of the family
	other netip.Addr
}

// networks is the test of each family that has one: the loopback interface or,
// as Linux has no route there for IPv6 groups, any other, where groups of
// interface-local scope stay (RFC 4291, 2.7).
func networks(t *testing.T, test func(t *testing.T, n network)) {
	t.Run("IPv4", func(t *testing.T) {
		test(t, findNetwork(t, network{
			group: netip.MustParseAddr("239.255.77.2"), all: "0.0.0.0:0", other: netip.MustParseAddr("192.0.2.99")}))
	})
	t.Run("IPv6", func(t *testing.T) {
		needIPv6(t)
		test(t, findNetwork(t, network{
			group: netip.MustParseAddr("ff01::772"), all: "[::]:0", other: netip.MustParseAddr("2001:db8::99")}))
	})
}

func findNetwork(t *testing.T, n network) network {
	t.Helper()
	all, err := net.Interfaces()
	no(t, err)
	for _, loopback := range []bool{true, false} {
		for i := range all {
			n.ifi = &all[i]
			if n.ifi.Flags&net.FlagUp == 0 || (n.ifi.Flags&net.FlagLoopback != 0) != loopback || n.group.Is4() && !loopback {
				continue
			}
			addrs, err := n.ifi.Addrs()
			no(t, err)
			for _, a := range addrs {
				p, err := netip.ParsePrefix(a.String())
				n.host = p.Addr()
				if err == nil && n.host.Is4() == n.group.Is4() && !n.host.IsLinkLocalUnicast() && n.reaches() {
					return n
				}
			}
		}
	}
	t.Skip("no interface of this machine takes multicast that would stay on it")
	return n
}

// reaches asks package net whether there is a route; IPv4 needs none where the
// interface is named.
func (n *network) reaches() bool {
	if n.group.Is4() {
		return true // Join and SetMulticastInterface route it
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.host, 0)))
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.WriteToUDPAddrPort([]byte("?"), netip.AddrPortFrom(n.group.WithZone(n.ifi.Name), 9))
	return err == nil
}

// to is where to send to the group. FreeBSD takes a group of interface-local scope from a
// socket that is bound to an address only with the interface, whatever IPV6_MULTICAST_IF says.
func (n *network) to(port uint16) netip.AddrPort {
	if n.group.Is4() {
		return netip.AddrPortFrom(n.group, port)
	}
	return netip.AddrPortFrom(n.group.WithZone(n.ifi.Name), port)
}

// members are receivers of one port and a sender to it.
func (n *network) members(t *testing.T, count int) (receivers []*udp.Conn, sender *udp.Conn) {
	lp := newLoop(t)
	addr := n.all
	for range count {
		c := listen(t, lp, addr, &udp.Options{ReuseAddr: true})
		addr = c.LocalAddr().String()
		receivers = append(receivers, c)
	}
	sender = listen(t, lp, netip.AddrPortFrom(n.host, 0).String(), nil)
	no(t, sender.SetMulticastInterface(n.ifi))
	return receivers, sender
}

// heard sends to the group and returns how many datagrams c receives of it.
func (n *network) heard(t *testing.T, sender, c *udp.Conn) int {
	t.Helper()
	got := 0
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		equal(t, "sender", from, sender.LocalAddr())
		equal(t, "data", string(p), "to the group")
		got++
	}
	writeTo(t, sender, "to the group", n.to(c.LocalAddr().Port()))
	settle(t, c.Loop())
	return got
}

func TestJoinAndLeave(t *testing.T) {
	networks(t, func(t *testing.T, n network) {
		cs, sender := n.members(t, 1)
		c := cs[0]
		anyone := netip.Addr{}
		equal(t, "no member", n.heard(t, sender, c), 0)
		no(t, c.Join(n.ifi, n.group, anyone))
		equal(t, "joined", n.heard(t, sender, c), 1)
		is(t, c.Join(n.ifi, n.group, anyone), syscall.EADDRINUSE)
		no(t, c.Leave(n.ifi, n.group, anyone))
		equal(t, "left", n.heard(t, sender, c), 0)
		want := syscall.EADDRNOTAVAIL
		if pollertest.Wine() != "" {
			want = syscall.EINVAL
		}
		opIs(t, c.Leave(n.ifi, n.group, anyone), "leave", netip.AddrPortFrom(n.group, 0), want)
	})
}

func TestJoinSource(t *testing.T) {
	if pollertest.Wine() != "" {
		t.Skip("Wine hands IP_ADD_SOURCE_MEMBERSHIP to Linux as it is, where its fields have another order")
	}
	networks(t, func(t *testing.T, n network) {
		cs, sender := n.members(t, 1)
		c := cs[0]
		no(t, c.Join(n.ifi, n.group, n.other))
		equal(t, "joined another sender", n.heard(t, sender, c), 0)
		no(t, c.Join(n.ifi, n.group, n.host))
		equal(t, "joined the sender", n.heard(t, sender, c), 1)
		no(t, c.Leave(n.ifi, n.group, n.host))
		equal(t, "left the sender", n.heard(t, sender, c), 0)
		no(t, c.Leave(n.ifi, n.group, n.other))
	})
}

func TestEachMemberGetsACopy(t *testing.T) {
	networks(t, func(t *testing.T, n network) {
		cs, sender := n.members(t, 3)
		got := 0
		for _, c := range cs {
			no(t, c.Join(n.ifi, n.group, netip.Addr{}))
			c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
		}
		writeTo(t, sender, "to the group", n.to(cs[0].LocalAddr().Port()))
		settle(t, sender.Loop())
		equal(t, "copies", got, len(cs))
	})
}

func TestMulticastLoopbackOff(t *testing.T) {
	networks(t, func(t *testing.T, n network) {
		if n.ifi.Flags&net.FlagLoopback != 0 {
			// There the copy that "leaves" comes back, whatever the option says.
			t.Skip("only a loopback interface keeps multicast of this family on the machine")
		}
		cs, sender := n.members(t, 1)
		no(t, cs[0].Join(n.ifi, n.group, netip.Addr{}))
		no(t, sender.SetMulticastLoopback(false))
		equal(t, "without loopback", n.heard(t, sender, cs[0]), 0)
		no(t, sender.SetMulticastLoopback(true))
		equal(t, "with loopback", n.heard(t, sender, cs[0]), 1)
	})
}

func TestJoinRefuses(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	for _, group := range []string{"127.0.0.1", "ff02::1", "::1"} {
		g := netip.MustParseAddr(group)
		opIs(t, c.Join(nil, g, netip.Addr{}), "join", netip.AddrPortFrom(g, 0), syscall.EINVAL)
		is(t, c.Leave(nil, g, netip.Addr{}), syscall.EINVAL)
	}
	is(t, c.Join(nil, netip.Addr{}, netip.Addr{}), syscall.EINVAL)
	is(t, c.Join(nil, netip.MustParseAddr("239.255.77.3"), netip.IPv6Loopback()), syscall.EINVAL)
}

// The socket that servers open by default, which takes IPv4 peers, joins a group of
// IPv4, and one that is kept to IPv6 does not.
func TestDefaultSocketJoinsAnIPv4Group(t *testing.T) {
	lo := loopback(t)
	needIPv6(t)
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		c := listen(t, lp, ":0", nil)
		group := netip.MustParseAddr("239.1.2.3")
		err := c.Join(lo, group, netip.Addr{})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		no(t, err)
		got := 0
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
		for _, addr := range []string{anyV4, ":0"} {
			s := listen(t, lp, addr, nil)
			no(t, s.SetMulticastInterface(lo))
			writeTo(t, s, "x", netip.AddrPortFrom(group, c.LocalAddr().Port()))
			runUntil(t, lp, "it arrives", func() bool { return got == 1 })
			got = 0
		}
		only := listen(t, lp, "[::]:0", &udp.Options{V6Only: true})
		if err := only.Join(lo, group, netip.Addr{}); err == nil {
			t.Error("a socket of IPv6 alone has joined a group of IPv4")
		}
	})
}
