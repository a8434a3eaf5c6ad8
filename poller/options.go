package poller

import (
	"net"
	"net/netip"
	"time"
)

// Options are what a socket is opened with. The zero value of each is the
// default that servers want.
type Options struct {
	// Backlog is how many connections may wait to be accepted; 0 is as many as
	// the system allows.
	Backlog int

	// NoReuseAddr leaves SO_REUSEADDR off for a listener. It is on by default
	// where it means that a server can restart while connections of its
	// predecessor are in TIME_WAIT (everywhere but Windows). For Bind it is off
	// and ReuseAddr turns it on, since there it would let others share the port; for
	// Dial it does so for Local, whose port may then be that of other connections.
	NoReuseAddr bool
	ReuseAddr   bool

	// ReusePort lets several sockets share an address, and the system spread
	// what arrives over them (SO_REUSEPORT). errors.ErrUnsupported where the
	// system does not spread. Of Dial it lets connections share Local.
	ReusePort bool

	// V6Only keeps IPv4 out of a socket bound to an IPv6 address (RFC 3493,
	// 5.3); by default it is let in. Of an IPv4 address it is an error.
	V6Only bool

	// Delay leaves Nagle's algorithm on; it is off by default (TCP_NODELAY).
	Delay bool

	// KeepAlive is how long a connection is idle before the system probes the peer, and
	// also the time between probes. 0 is 15 s, and a negative value is no probing. Systems
	// take 32,767 s at most.
	KeepAlive time.Duration

	// KeepAliveConfig, if it is enabled, takes the place of KeepAlive, with the meaning
	// that it has in package net: what is 0 is 15 s, 15 s and 9 probes, what is negative
	// is left to the system. 127 probes are the most. errors.ErrUnsupported where the
	// system has no such options of a socket and one is asked for.
	KeepAliveConfig net.KeepAliveConfig

	// Control, if set, is called with the descriptor of a new socket once these options
	// are set, before it is bound, connects or listens. What it returns is the error of
	// the call. From there on the socket is one whose descriptor others may have, which
	// costs speed. errors.ErrUnsupported where there are no descriptors.
	Control func(fd uintptr) error
	// UserTimeout is how long what was sent may stay unacknowledged, or wait for a
	// peer that has no room, before the system ends the connection with ETIMEDOUT
	// (RFC 5482; TCP_USER_TIMEOUT). 0 leaves it to the system, and so does a negative
	// value. errors.ErrUnsupported where there is no such thing.
	UserTimeout time.Duration

	// RecvBuffer and SendBuffer are SO_RCVBUF and SO_SNDBUF in bytes; 0 leaves
	// the system's own sizing on.
	RecvBuffer int
	SendBuffer int

	// Local is the address to dial from; the zero Addr leaves it to the system.
	Local Addr

	// File is what a listener on a Path does with its file.
	File SocketFile

	// Broadcast allows a datagram socket to send to broadcast addresses.
	Broadcast bool

	// RecvError reports ICMP errors on datagram sockets that are not connected
	// too (IP_RECVERR, Linux). errors.ErrUnsupported where there is no such thing.
	RecvError bool

	// RecvPacketInfo has each received Message of a datagram socket say which
	// address and interface it came to: Local and Interface (IP_PKTINFO; RFC 3542,
	// 4). RecvTrafficClass has it say its TrafficClass (IP_RECVTOS; RFC 3542, 6.5).
	// errors.ErrUnsupported where a backend has them not.
	RecvPacketInfo   bool
	RecvTrafficClass bool

	// RecvSegments lets Received hand over runs of datagrams whole, where the
	// system has joined them (UDP_GRO), as a Message with Segment set. Without it,
	// or on systems that join none, each datagram is a Message.
	RecvSegments bool

	// NoOffload keeps a datagram socket from sending runs by one call for the
	// system or the network card to cut (UDP_SEGMENT), and from RecvSegments: for
	// measuring, and for hardware that gets it wrong.
	NoOffload bool
}

// An Option is a setting of an open socket. Flags are 0 or 1.
type Option uint8

// The options. Those of the IP layer apply to the family of the socket.
const (
	NoDelay            Option = iota + 1 // send small writes at once (TCP_NODELAY)
	KeepAlive                            // probe an idle peer (SO_KEEPALIVE)
	KeepAliveIdle                        // seconds before the first probe
	KeepAliveInterval                    // seconds between probes
	KeepAliveCount                       // probes before the connection is dropped
	Linger                               // seconds; 0 resets on Close, -1 is off (SO_LINGER)
	RecvBuffer                           // bytes (SO_RCVBUF); Linux reports twice what was set
	SendBuffer                           // bytes (SO_SNDBUF); the same
	Broadcast                            // allow broadcast addresses (SO_BROADCAST)
	TTL                                  // hops of unicast packets, 1 to 255
	TrafficClass                         // the former TOS byte
	MulticastTTL                         // hops of multicast packets, 0 to 255
	MulticastLoop                        // see one's own multicast packets
	MulticastInterface                   // index of the interface to send from, 0 is the system's choice
	V6Only                               // read only
	UserTimeout                          // milliseconds that sent data may stay unacknowledged; 0 is the system's choice
	BacklogSize                          // of a listener; set only
)

// A Membership is one multicast group as a socket receives it.
type Membership struct {
	Group     netip.Addr
	Source    netip.Addr // receive from this sender only; the zero Addr is any
	Interface int        // index; 0 is the system's choice
}

// Events is what a Watch watches for, and reports. The values are those of
// poll(2).
type Events uint16

const (
	Readable Events = 0x1
	Priority Events = 0x2 // out-of-band data of TCP
	Writable Events = 0x4

	// Failed and Hangup are reported whether or not they are watched for; a
	// handler that ignores them should pause the Watch, or be called again.
	Failed Events = 0x8
	Hangup Events = 0x10

	// PeerClosed says that the peer has ended its sending side; only reported
	// when watched for.
	PeerClosed Events = 0x2000
)
