// Package udp has UDP sockets on a loop.
//
//	c, err := udp.Listen(lp, "127.0.0.1:7007", nil)
//	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) { c.WriteTo(p, from) }
//
// Callbacks are fields. The loop calls them, and never from inside a call to this
// package. Datagrams are received and sent in batches where the system can do that. What
// callbacks write to their own socket is sent, in order, when all datagrams of the batch have
// been told. What they write to other sockets is sent at the end of the loop's turn.
//
// # Runs
//
// Neighbouring datagrams of one size to one peer are a run. A run leaves as one send,
// and the system or the network card cuts it apart (UDP_SEGMENT on Linux). A run that
// arrives is taken as it is (UDP_GRO). A datagram then costs a twentieth of what it
// costs alone. OnRead gets the datagrams one by one all the same. OnReadBatch gets a run
// whole, as a [Message] with Segment set. Nothing has to be asked for. A system that has
// no runs, or refuses them on some path, sends each datagram by itself. Options.NoOffload
// is for hardware that gets them wrong.
//
// # Headers
//
// A Message also says what the IP header says: the address and interface that a
// datagram came to, and its traffic class with the ECN bits. Sockets ask for that in
// their Options. WriteMessage sends a datagram with such a header.
//
// # Errors
//
// A datagram that could not be sent is an error for OnError, and so is one that a peer
// has refused (ICMP, seen on connected sockets). No error ends a socket, and none is told of
// another datagram.
package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"reflect"
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Options are what a socket is opened with. A nil *Options is all defaults.
type Options struct {
	// ReuseAddr lets several sockets bind the same address (SO_REUSEADDR), for
	// multicast receivers. Only one of the sockets gets each unicast datagram.
	ReuseAddr bool

	// ReusePort spreads what arrives over the sockets that share an address
	// (SO_REUSEPORT).
	ReusePort bool

	// V6Only keeps IPv4 out of a socket on an IPv6 address.
	V6Only bool

	// Broadcast allows sending to broadcast addresses.
	Broadcast bool

	// RecvError tells each refusal, also on sockets that are not connected
	// (IP_RECVERR, Linux): as many as the system's buffer has room for (ReadBuffer),
	// and 1,024 while reading is paused. A run that was written as one Message may
	// have one refusal for all of it. Other datagrams do not leave as runs then, so
	// that each has a refusal of its own. Without RecvError a connected socket hears
	// of one refusal for all that have come since the last was told.
	RecvError bool

	// RecvPacketInfo has each Message of OnReadBatch say which address and
	// interface it came to (IP_PKTINFO). RecvTrafficClass has it say its DSCP and ECN
	// (IP_RECVTOS). To open a socket with one of them is errors.ErrUnsupported if the
	// system does not tell it.
	RecvPacketInfo   bool
	RecvTrafficClass bool

	// NoOffload has each datagram sent by itself and none received in runs.
	NoOffload bool

	// ReadBuffer and WriteBuffer are the sizes of the system's buffers, in
	// bytes; 0 leaves them to the system.
	ReadBuffer  int
	WriteBuffer int

	// QueueLimit bounds what is queued because the system does not take it. nil is
	// no bound.
	QueueLimit *QueueLimit

	// LocalAddr is the address that Dial binds; zero leaves it to the system.
	LocalAddr netip.AddrPort

	// Control, if set, is called when the socket has these options, before it is bound and
	// connected. It is for SO_MARK, SO_BINDTODEVICE and the like, as that of net.ListenConfig
	// and net.Dialer. network is "udp4" or "udp6". address is the one to listen on or to dial.
	// Listen and Dial call Control before they return, and return its error. c is good until
	// Control returns, and only its method Control works. In the simulator, which has no
	// descriptors, it is errors.ErrUnsupported.
	Control func(network, address string, c syscall.RawConn) error
}

// controlled returns the poller's part of o for a socket of addr, with o's Control if there is one.
func (o *Options) controlled(addr netip.AddrPort) *poller.Options {
	p := o.socket()
	if o == nil || o.Control == nil {
		return p
	}
	of := "udp6"
	if addr.Addr().Unmap().Is4() {
		of = "udp4"
	}
	p.Control = func(fd uintptr) error {
		b := &borrowed{fd}
		defer func() { b.fd = ^uintptr(0) }()
		return o.Control(of, addr.String(), netop.RawSocket{Descriptor: b})
	}
	return p
}

// A borrowed is a descriptor that is there as long as Options.Control runs.
type borrowed struct{ fd uintptr }

func (b *borrowed) Fd() uintptr { return b.fd }

func (o *Options) socket() *poller.Options {
	if o == nil {
		o = new(Options)
	}
	return &poller.Options{
		ReuseAddr: o.ReuseAddr, ReusePort: o.ReusePort, V6Only: o.V6Only, Broadcast: o.Broadcast,
		RecvError: o.RecvError, RecvPacketInfo: o.RecvPacketInfo, RecvTrafficClass: o.RecvTrafficClass,
		RecvSegments: true, NoOffload: o.NoOffload, RecvBuffer: o.ReadBuffer, SendBuffer: o.WriteBuffer,
	}
}

// Listen opens a socket bound to "host:port". An empty host is every address
// of both families. Port 0 is a port of the system's choice. Listen resolves a host
// name before it returns, so callbacks should use an address. It belongs to the
// loop's goroutine. Errors are *net.OpError; errors.Is finds syscall.EADDRINUSE
// if the address is taken.
func Listen(lp *loop.Loop, addr string, o *Options) (*Conn, error) {
	if err := lp.Maker().Check("udp.Listen"); err != nil {
		return nil, err
	}
	if lp == nil {
		return nil, netop.NameError("listen", network, addr, errInvalid)
	}
	host, port, err := netop.Split(network, addr)
	if err != nil {
		return nil, netop.NameError("listen", network, addr, err)
	}
	ips := []netip.Addr{netip.IPv6Unspecified(), netip.IPv4Unspecified()}
	if host != "" {
		if ips, err = netop.Resolve(context.Background(), lp.Resolver(), host); err != nil {
			return nil, netop.NameError("listen", network, addr, err)
		}
	}
	// The next address is tried only if the system lacks this one's family. If the port
	// is taken it is not: the peers of whoever has it would find us at another address.
	for _, ip := range ips {
		var c *Conn
		at := netip.AddrPortFrom(ip.Unmap(), port)
		c, err = open(lp, "listen", at, at, o)
		if err == nil || !errors.Is(err, syscall.EAFNOSUPPORT) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return c, err
		}
	}
	return nil, err
}

// Dial opens a socket that is connected to "host:port": it receives only that peer's
// datagrams, Write needs no address, and refusals are seen. UDP has no handshake, so
// Dial waits for nothing but a host name, which it resolves before it returns. It
// belongs to the loop's goroutine.
func Dial(lp *loop.Loop, addr string, o *Options) (*Conn, error) {
	if err := lp.Maker().Check("udp.Dial"); err != nil {
		return nil, err
	}
	if lp == nil {
		return nil, netop.NameError("dial", network, addr, errInvalid)
	}
	host, port, err := netop.Split(network, addr)
	if err != nil {
		return nil, netop.NameError("dial", network, addr, err)
	}
	ips := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if host != "" {
		if ips, err = netop.Resolve(context.Background(), lp.Resolver(), host); err != nil {
			return nil, netop.NameError("dial", network, addr, err)
		}
	}
	var c *Conn
	for _, ip := range ips { // the next one if there is no way to this one
		if c, err = connect(lp, netip.AddrPortFrom(ip.Unmap(), port), o); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// connect opens a socket of the peer's family and connects it.
func connect(lp *loop.Loop, peer netip.AddrPort, o *Options) (*Conn, error) {
	local := netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	if peer.Addr().Is4() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if o != nil && o.LocalAddr.IsValid() {
		local = o.LocalAddr
	}
	c, err := open(lp, "dial", local, peer, o)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(peer); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// open binds a socket to ap. named is the address that Options.Control is told.
func open(lp *loop.Loop, op string, ap, named netip.AddrPort, o *Options) (*Conn, error) {
	c := new(Conn)
	if o != nil {
		if !o.QueueLimit.valid() {
			return nil, netop.Error(op, network, poller.Addr{}, poller.AddrOf(ap), errInvalid)
		}
		c.setLimit(o.QueueLimit)
	}
	err := c.attach(lp, func() (poller.Packet, error) {
		return lp.Maker().Poller().Bind(poller.AddrOf(ap), o.controlled(named), (*upcalls)(c))
	})
	if err != nil {
		return nil, netop.Error(op, network, poller.Addr{}, poller.AddrOf(ap), err)
	}
	return c, nil
}

// AdoptConn takes a UDP socket over from package net and closes pc. After an error pc
// is as it was. The socket's settings stay as they are, because another process may have
// the socket too. So it receives runs whole only if it did so before.
func AdoptConn(lp *loop.Loop, pc net.PacketConn) (*Conn, error) {
	if err := lp.Maker().Check("udp.AdoptConn"); err != nil {
		return nil, err
	}
	if p := reflect.ValueOf(pc); lp == nil || pc == nil || p.Kind() == reflect.Pointer && p.IsNil() {
		return nil, &net.OpError{Op: "adopt", Net: network, Err: errInvalid}
	}
	c := new(Conn)
	err := c.attach(lp, func() (poller.Packet, error) { return adopt(lp, pc, c) })
	if err != nil {
		return nil, &net.OpError{Op: "adopt", Net: network, Source: pc.LocalAddr(), Err: err}
	}
	pc.Close()
	return c, nil
}

func adopt(lp *loop.Loop, pc net.PacketConn, c *Conn) (s poller.Packet, err error) {
	a, ok := lp.Maker().Poller().(poller.Adopter)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	sc, ok := pc.(syscall.Conn)
	if _, udp := pc.LocalAddr().(*net.UDPAddr); !ok || !udp {
		return nil, errors.ErrUnsupported
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var taken error
	err = raw.Control(func(fd uintptr) { s, taken = a.AdoptPacket(fd, (*upcalls)(c)) })
	if err == nil {
		err = taken
	}
	return s, err
}

const network = "udp"

// errInvalid is the error of a misuse.
var errInvalid = os.ErrInvalid
