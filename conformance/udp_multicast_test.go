package conformance

import (
	"net"
	"net/netip"
	"slices"

	"example.com/pike/poller/pollertest"
	"example.com/pike/udp"
)

var _ = add(
	line{id: "U21", name: "multicast join", run: func(e *env) {
		udpCase(e, "IPv4", func(e *env) { udpJoin(e, "239.255.77.21") })
		udpCase(e, "IPv6", func(e *env) { udpJoin(e, "ff01::7721") })
	}},
	line{id: "U22", name: "multicast ttl and interface", run: func(e *env) {
		udpCase(e, "IPv4", func(e *env) { udpMulticastSetters(e, "239.255.77.22") })
		udpCase(e, "IPv6", func(e *env) { udpMulticastSetters(e, "ff01::7722") })
	}},
)

// udpMulticast finds an interface that takes what is sent to a group, and an
// address of the machine to send from, such that nothing leaves the machine:
// the loopback interface or, as Linux has no route there for IPv6 groups, any
// other, where groups of interface-local scope stay (RFC 4291, 2.7). A simulated
// host has one network, which is its default.
func udpMulticast(e *env, group netip.Addr) (*net.Interface, netip.Addr) {
	loopback := netip.MustParseAddr("127.0.0.1")
	if !group.Is4() {
		udpIPv6(e, e.loop())
		loopback = netip.IPv6Loopback()
	}
	if e.backend.sim {
		return nil, loopback
	}
	all, err := net.Interfaces()
	e.no(err)
	slices.SortStableFunc(all, func(a, b net.Interface) int { return int(b.Flags&net.FlagLoopback) - int(a.Flags&net.FlagLoopback) })
	for i := range all {
		ifi := &all[i]
		if ifi.Flags&net.FlagUp == 0 || group.Is4() && ifi.Flags&net.FlagLoopback == 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		e.no(err)
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() == group.Is4() && !p.Addr().IsLinkLocalUnicast() && udpReaches(ifi, p.Addr(), group) {
				return ifi, p.Addr()
			}
		}
	}
	e.Skip("no interface of this machine takes multicast that would stay on it")
	return nil, loopback
}

// udpReaches asks package net.
func udpReaches(ifi *net.Interface, from, group netip.Addr) bool {
	if group.Is4() {
		return true // Join and SetMulticastInterface route it
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)))
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.WriteToUDPAddrPort([]byte("?"), netip.AddrPortFrom(group.WithZone(ifi.Name), 9))
	return err == nil
}

// udpGroup is where to send to the group: with the interface, or else FreeBSD finds no
// route for a socket that is bound to an address, whatever IPV6_MULTICAST_IF says.
func udpGroup(group netip.Addr, ifi *net.Interface, port uint16) netip.AddrPort {
	if group.Is6() && ifi != nil { // a simulated system has none
		group = group.WithZone(ifi.Name)
	}
	return netip.AddrPortFrom(group, port)
}

// udpJoin follows the group through its life, by a datagram for each step. One
// sent straight to the socket after it tells that no more will come.
func udpJoin(e *env, group string) {
	ip := netip.MustParseAddr(group)
	ifi, host := udpMulticast(e, ip)
	anywhere, other := "0.0.0.0:0", netip.MustParseAddr("192.0.2.99")
	if !ip.Is4() {
		anywhere, other = "[::]:0", netip.MustParseAddr("2001:db8::99")
	}
	lp := e.loop()
	receiver := udpOn(e, lp, anywhere, nil)
	sender := udpOn(e, lp, netip.AddrPortFrom(host, 0).String(), nil)
	e.no(sender.SetMulticastInterface(ifi))
	port := receiver.LocalAddr().Port()

	steps := []struct {
		name    string
		do      func() error
		arrives bool
	}{
		{"not a member", func() error { return nil }, false},
		{"join", func() error { return receiver.Join(ifi, ip, netip.Addr{}) }, true},
		{"leave", func() error { return receiver.Leave(ifi, ip, netip.Addr{}) }, false},
		{"join the sender as source", func() error { return receiver.Join(ifi, ip, host) }, true},
		{"leave that source", func() error { return receiver.Leave(ifi, ip, host) }, false},
		{"join another source", func() error { return receiver.Join(ifi, ip, other) }, false},
	}
	if pollertest.Wine() != "" && ip.Is4() {
		e.Log("without the steps of one source: Wine hands them to Linux as they are, where the fields have another order")
		steps = steps[:3]
	}
	at, heard := 0, false
	begin := func() {
		e.no(steps[at].do())
		sender.WriteTo([]byte("to the group"), udpGroup(ip, ifi, port))
		sender.WriteTo([]byte("straight"), netip.AddrPortFrom(host, port))
	}
	sender.OnError = func(_ *udp.Conn, err error) { e.Error(err) }
	receiver.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) {
		e.equal("the sender", from, sender.LocalAddr())
		if string(p) == "to the group" {
			heard = true
			return
		}
		e.equal("the group's datagram arrives after "+steps[at].name, heard, steps[at].arrives)
		if at++; at < len(steps) {
			heard = false
			begin()
			return
		}
		sender.Close()
		receiver.Close()
	}
	begin()
	e.run(lp)
	e.equal("steps", at, len(steps))
}

func udpMulticastSetters(e *env, group string) {
	ip := netip.MustParseAddr(group)
	ifi, host := udpMulticast(e, ip)
	lp := e.loop()
	c := udpOn(e, lp, netip.AddrPortFrom(host, 0).String(), nil)
	e.no(c.SetMulticastTTL(32))
	e.no(c.SetMulticastInterface(ifi))
	sent := 0
	e.no(c.WriteBuffer([]byte("PING"), udpGroup(ip, ifi, 7722), func(err error) {
		e.no(err)
		sent++
		c.Close()
	}))
	e.run(lp)
	e.equal("sent", sent, 1)
}
