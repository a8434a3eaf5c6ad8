package udp

import (
	"net"
	"net/netip"
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/poller"
)

func (c *Conn) set(method string, o poller.Option, v int) error {
	if err := c.lp().Check(method); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("set", netip.AddrPort{}, net.ErrClosed)
	}
	if err := netop.SetOption(c.s, o, v); err != nil {
		return c.fail("set", netip.AddrPort{}, err)
	}
	return nil
}

func (c *Conn) get(method string, o poller.Option) (int, error) {
	if err := c.lp().Check(method); err != nil {
		return 0, err
	}
	if c.Closing() {
		return 0, c.fail("get", netip.AddrPort{}, net.ErrClosed)
	}
	v, err := c.s.Option(o)
	if err != nil {
		return 0, c.fail("get", netip.AddrPort{}, err)
	}
	return v, nil
}

// SetReadBuffer sets the size of the system's receive buffer, in bytes
// (SO_RCVBUF). Linux doubles it, for its own bookkeeping (socket(7)).
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.set("udp.Conn.SetReadBuffer", poller.RecvBuffer, bytes)
}

// ReadBufferSize is the size of the system's receive buffer.
func (c *Conn) ReadBufferSize() (int, error) {
	return c.get("udp.Conn.ReadBufferSize", poller.RecvBuffer)
}

// SetWriteBuffer sets the size of the system's send buffer, in bytes
// (SO_SNDBUF).
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.set("udp.Conn.SetWriteBuffer", poller.SendBuffer, bytes)
}

// WriteBufferSize is the size of the system's send buffer.
func (c *Conn) WriteBufferSize() (int, error) {
	return c.get("udp.Conn.WriteBufferSize", poller.SendBuffer)
}

// SetBroadcast allows sending to broadcast addresses, or not (SO_BROADCAST).
func (c *Conn) SetBroadcast(on bool) error {
	return c.set("udp.Conn.SetBroadcast", poller.Broadcast, netop.Flag(on))
}

// SetTTL sets the hops that unicast datagrams may take, 1 to 255.
func (c *Conn) SetTTL(hops int) error { return c.set("udp.Conn.SetTTL", poller.TTL, hops) }

// TTL is the hops that unicast datagrams may take.
func (c *Conn) TTL() (int, error) { return c.get("udp.Conn.TTL", poller.TTL) }

// SetTrafficClass sets the DSCP and ECN byte of datagrams (RFC 2474).
func (c *Conn) SetTrafficClass(class int) error {
	return c.set("udp.Conn.SetTrafficClass", poller.TrafficClass, class)
}

// SetMulticastTTL sets the hops that multicast datagrams may take, 0 to 255. 1
// is the default. With 0 they stay on this machine.
func (c *Conn) SetMulticastTTL(hops int) error {
	return c.set("udp.Conn.SetMulticastTTL", poller.MulticastTTL, hops)
}

// SetMulticastLoopback sets whether the socket's own multicast datagrams are delivered
// on this machine too. That is the default.
func (c *Conn) SetMulticastLoopback(on bool) error {
	return c.set("udp.Conn.SetMulticastLoopback", poller.MulticastLoop, netop.Flag(on))
}

// SetMulticastInterface chooses the interface that multicast datagrams leave
// by; nil is the system's choice.
func (c *Conn) SetMulticastInterface(ifi *net.Interface) error {
	return c.set("udp.Conn.SetMulticastInterface", poller.MulticastInterface, index(ifi))
}

func index(ifi *net.Interface) int {
	if ifi == nil {
		return 0
	}
	return ifi.Index
}

// Join has the socket receive a multicast group on an interface; nil is the system's
// choice. With a valid source it receives from that sender only (RFC 3678).
func (c *Conn) Join(ifi *net.Interface, group, source netip.Addr) error {
	if err := c.lp().Check("udp.Conn.Join"); err != nil {
		return err
	}
	return c.member("join", ifi, group, source, c.s.Join)
}

// Leave undoes a Join with the same arguments.
func (c *Conn) Leave(ifi *net.Interface, group, source netip.Addr) error {
	if err := c.lp().Check("udp.Conn.Leave"); err != nil {
		return err
	}
	return c.member("leave", ifi, group, source, c.s.Leave)
}

func (c *Conn) member(op string, ifi *net.Interface, group, source netip.Addr, do func(poller.Membership) error) error {
	addr := netip.AddrPortFrom(group, 0)
	if c.Closing() {
		return c.fail(op, addr, net.ErrClosed)
	}
	if err := do(poller.Membership{Group: group, Source: source, Interface: index(ifi)}); err != nil {
		return c.fail(op, addr, err)
	}
	return nil
}

// SyscallConn gives access to the descriptor, for options that have no method.
// Only its Control works; reading and writing are the loop's.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if err := c.lp().Check("udp.Conn.SyscallConn"); err != nil {
		return nil, err
	}
	if c.Closing() {
		return nil, c.fail("raw", netip.AddrPort{}, net.ErrClosed)
	}
	raw, err := netop.RawConn(c.s, c.Closing)
	if err != nil {
		return nil, c.fail("raw", netip.AddrPort{}, err)
	}
	return raw, nil
}
