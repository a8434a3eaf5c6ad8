package pollertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"example.com/pike/poller"
)

var multicastClauses = []clause{
	{name: "Multicast_join_and_leave", test: multicastJoin, both: true},
	{name: "Multicast_on_an_interface_of_the_systems_choice", test: multicastChosen, both: true},
	{name: "Multicast_of_one_source", test: multicastSource, both: true},
	{name: "Multicast_group_of_another_socket", test: multicastAnother, both: true},
	{name: "Multicast_of_IPv4_by_a_socket_of_both_families", test: multicastDual},
	{name: "Multicast_zone_is_an_interface", test: multicastZone},
	{name: "Multicast_errors", test: multicastErrors, both: true},
	{name: "Broadcast_must_be_allowed", test: broadcast},
}

// interfaces are those that may carry multicast, loopback first. 0 is the system's
// choice.
func interfaces() []net.Interface {
	var on, off []net.Interface
	all, _ := net.Interfaces()
	for _, i := range all {
		switch {
		case i.Flags&net.FlagUp == 0:
		case i.Flags&net.FlagLoopback != 0:
			on = append(on, i)
		case i.Flags&net.FlagMulticast != 0:
			off = append(off, i)
		}
	}
	return append(append(on, off...), net.Interface{})
}

func (r *rig) group() netip.Addr {
	if r.host.Is6() {
		return netip.MustParseAddr("ff01::4242") // of the interface only (RFC 4291, 2.7)
	}
	return netip.MustParseAddr("239.255.42.42")
}

// A club is a socket that has joined a group and one that sends to it.
type club struct {
	*rig
	member, sender *packet
	m              poller.Membership
	to             poller.Addr
	messages       int
}

// club finds an interface on which multicast works, or skips the test.
func (r *rig) club() *club {
	r.Helper()
	any := poller.AddrOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if r.host.Is6() {
		any = anyIPv6
	}
	o := &poller.Options{V6Only: r.host.Is6()} // options of both families are another test
	c := &club{rig: r, member: r.bindAt(any, o), sender: r.bindAt(any, o)}
	c.member.start()
	var err error
	for _, i := range interfaces() {
		if err = c.found(i); err == nil {
			return c
		}
	}
	r.Skip("no multicast here: ", err)
	return nil
}

// found tries an interface.
func (c *club) found(i net.Interface) error {
	c.m = poller.Membership{Group: c.group(), Interface: i.Index}
	group := c.m.Group
	if group.Is6() && i.Name != "" {
		group = group.WithZone(i.Name)
	}
	c.to = poller.AddrOf(netip.AddrPortFrom(group, c.member.addr().Port()))
	for _, set := range []struct {
		o poller.Option
		v int
	}{{poller.MulticastInterface, i.Index}, {poller.MulticastLoop, 1}, {poller.MulticastTTL, 1}} {
		if err := c.sender.s.SetOption(set.o, set.v); err != nil {
			return err
		}
	}
	if err := c.join(c.m); err != nil {
		return err
	}
	one := c.next()
	if !c.sender.send(one) {
		c.until("it is answered", func() bool { return !c.sender.sending })
		if c.sender.sendErr != nil {
			c.leave(c.m)
			return c.sender.sendErr
		}
	}
	for start := c.p.Now(); len(c.member.got) == 0; c.idle(time.Millisecond) {
		if c.p.Now().Sub(start) > 2*time.Second {
			c.leave(c.m)
			return fmt.Errorf("what is sent by %q to %v does not arrive", i.Name, c.to)
		}
	}
	c.receives(one)
	return nil
}

func (c *club) join(m poller.Membership) (err error) {
	c.call("Join", func() { err = c.member.s.Join(m) })
	return err
}

func (c *club) leave(m poller.Membership) {
	c.Helper()
	var err error
	c.call("Leave", func() { err = c.member.s.Leave(m) })
	c.noError("Leave", err)
}

// next is a message to the group that no other is like.
func (c *club) next() poller.Message {
	c.messages++
	return message(c.to, c.messages, 30)
}

// receives waits for a message and returns who it is from.
func (c *club) receives(m poller.Message) netip.Addr {
	c.Helper()
	c.until("a message to the group is received", func() bool { return len(c.member.got) > 0 })
	got := c.member.got[0]
	if !bytes.Equal(got.Data, m.Data) || len(c.member.got) > 1 {
		c.Errorf("received %d messages, or not what was sent", len(c.member.got))
	}
	c.member.got = nil
	return got.Peer.Addr()
}

func (c *club) receivesNothing(why string) {
	c.Helper()
	c.sender.deliver(c.next())
	c.settle()
	if len(c.member.got) > 0 {
		c.Fatalf("received a message, though %s", why)
	}
}

func multicastJoin(r *rig) {
	c := r.club()
	for range 2 {
		one := c.next()
		c.sender.deliver(one)
		c.receives(one)
		c.leave(c.m)
		c.receivesNothing("it has left the group")
		r.noError("Join", c.join(c.m))
	}
}

// multicastChosen joins on the interface that the system chooses, if package net finds that
// it would choose one.
func multicastChosen(r *rig) {
	l, err := net.ListenMulticastUDP("udp", nil, &net.UDPAddr{IP: r.group().AsSlice()})
	if err != nil {
		r.Skip("this system chooses no interface: ", err)
	}
	l.Close()
	p, m := r.bind(nil), poller.Membership{Group: r.group()}
	for range 2 {
		r.noError("Join", p.s.Join(m))
		r.noError("Leave", p.s.Leave(m))
	}
}

// multicastAnother holds that a socket receives only the groups that it has joined itself.
// On Linux it would receive those of every socket of the machine, unless it is told not to.
func multicastAnother(r *rig) {
	c := r.club()
	other := r.bindAt(r.addr(0), nil)
	r.noError("Join of another socket", other.s.Join(c.m))
	c.leave(c.m)
	c.receivesNothing("only another socket has joined")
	r.noError("Join", c.join(c.m))
	one := c.next()
	c.sender.deliver(one)
	c.receives(one)
}

func multicastSource(r *rig) {
	c := r.club()
	one := c.next()
	c.sender.deliver(one)
	source := c.receives(one)
	c.leave(c.m)
	c.m.Source = source.WithZone("")
	err := c.join(c.m)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this system joins no single source: ", err)
	}
	r.noError("Join of a source", err)
	one = c.next()
	c.sender.deliver(one)
	c.receives(one)
	c.leave(c.m)
	c.receivesNothing("it has left the source")
	c.m.Source = source.WithZone("").Next()
	r.noError("Join of another source", c.join(c.m))
	c.receivesNothing("it has joined another source")
}

// multicastDual joins a group of IPv4 with the socket of both families that servers open by
// default, and sends to the group from such a socket. Each option of the IP layer counts for
// both families.
func multicastDual(r *rig) {
	r.needMapped()
	c := r.club()
	old := c.member
	c.member, c.sender = r.bindAt(anyIPv6, nil), r.bindAt(anyIPv6, nil)
	old.close()
	c.member.start()
	c.to.AddrPort = netip.AddrPortFrom(c.to.Addr(), c.member.addr().Port())
	err := c.join(c.m)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this system joins no group of IPv4 by a socket of IPv6: ", err)
	}
	r.noError("Join", err)
	r.noError("SetOption", c.sender.s.SetOption(poller.MulticastInterface, c.m.Interface))
	one := c.next()
	c.sender.deliver(one)
	c.receives(one)
	c.leave(c.m)
	c.receivesNothing("it has left the group")
	only := r.bindAt(anyIPv6, &poller.Options{V6Only: true})
	if err := only.s.Join(c.m); err == nil {
		r.Error("a socket of IPv6 alone has joined a group of IPv4")
	}
}

// multicastZone names the interface of a group by a zone.
func multicastZone(r *rig) {
	r.needIPv6()
	r.host = netip.IPv6Loopback()
	c := r.club()
	c.leave(c.m)
	group, via := c.m.Group, c.m.Interface
	for _, zone := range []string{"no-such-zone", "0", "99999999"} {
		c.m = poller.Membership{Group: group.WithZone(zone)}
		if err := c.join(c.m); err == nil {
			r.Errorf("joined %v", c.m.Group)
		}
	}
	if via == 0 {
		r.Skip("multicast works on an interface of the system's choice only")
	}
	c.m = poller.Membership{Group: group.WithZone(strconv.Itoa(via)), Interface: via + 1}
	if err := c.join(c.m); err == nil {
		r.Errorf("joined %v on interface %d", c.m.Group, via+1)
	}
	c.m.Interface = 0
	r.noError("Join", c.join(c.m))
	one := c.next()
	c.sender.deliver(one)
	c.receives(one)
	c.leave(c.m)
	c.receivesNothing("it has left the group")
}

func multicastErrors(r *rig) {
	p := r.bind(nil)
	other := netip.MustParseAddr("ff02::4242")
	if r.host.Is6() {
		other = netip.MustParseAddr("239.255.42.42")
	}
	for _, m := range []poller.Membership{
		{},
		{Group: r.host},                        // no group
		{Group: other},                         // of the other family
		{Group: r.group(), Interface: 1 << 30}, // no such interface
		{Group: r.group(), Source: other.Next().Next()}, // a source that is none
	} {
		if err := p.s.Join(m); err == nil {
			r.Errorf("Join(%+v): no error", m)
		}
	}
	if err := p.s.Leave(poller.Membership{Group: r.group()}); err == nil {
		r.Error("Leave of a group that was not joined: no error")
	}
}

func broadcast(r *rig) {
	to := poller.AddrOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 9))
	p := r.bind(nil)
	p.fails(0, message(to, 1, 10))
	if n, err := p.s.Option(poller.Broadcast); n != 0 || err != nil {
		r.Errorf("Option Broadcast is %d, %v", n, err)
	}
	p.deliver(message(p.addr(), 1, 10))
	r.until("it still works", func() bool { return len(p.got) == 1 })
	q := r.bind(&poller.Options{Broadcast: true})
	if n, err := q.s.Option(poller.Broadcast); n != 1 || err != nil {
		r.Errorf("Option Broadcast is %d, %v of a socket bound with it", n, err)
	}
}
