//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// setsockopt and getsockopt know the two options that are a byte wide on every
// system; an int is taken by some.
func setsockopt(fd int32, so sockopt, v int) error {
	if isByte(so) {
		return unix.SetsockoptByte(int(fd), so.level, so.name, byte(v))
	}
	return unix.SetsockoptInt(int(fd), so.level, so.name, v)
}

func getsockopt(fd int32, so sockopt) (int, error) {
	if isByte(so) {
		v, err := unix.GetsockoptByte(int(fd), so.level, so.name)
		return int(v), err
	}
	return unix.GetsockoptInt(int(fd), so.level, so.name)
}

func isByte(so sockopt) bool {
	return so.level == unix.IPPROTO_IP && (so.name == unix.IP_MULTICAST_TTL || so.name == unix.IP_MULTICAST_LOOP)
}

// optionError names the ways in which these systems say that a kind of socket does
// not have an option: ENOPROTOOPT, EOPNOTSUPP, or EINVAL for a level that is not
// the socket's and for listen on what cannot.
func optionError(call string, fd int32, family int, o poller.Option, err error) error {
	if err == unix.ENOPROTOOPT || err == unix.EINVAL && (o == poller.BacklogSize || foreign(fd, family, o)) {
		return errors.ErrUnsupported
	}
	return os.NewSyscallError(call, err)
}

// foreign reports whether an option is of another kind of socket.
func foreign(fd int32, family int, o poller.Option) bool {
	so, ok := sockoptOf(o, family)
	switch {
	case !ok || so.level == unix.SOL_SOCKET:
		return false
	case family == unix.AF_UNIX:
		return true
	case so.level != unix.IPPROTO_TCP:
		return false
	}
	kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind != unix.SOCK_STREAM
}

// The least buffers that let a socket send any datagram there can be, and receive three of
// them. By default the systems have 9,216 bytes and about 41,000; what is larger is refused or
// dropped.
const (
	packetSendBuffer = 1<<16 - 1
	packetRecvBuffer = 3 << 16
)

func ApplyPacket(fd int32, family int, o *poller.Options) error {
	if o.RecvError || o.RecvPacketInfo || o.RecvTrafficClass {
		return errors.ErrUnsupported
	}
	if o.ReuseAddr {
		// SO_REUSEADDR alone lets sockets share a multicast address only.
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	raise(fd, unix.SO_SNDBUF, packetSendBuffer)
	raise(fd, unix.SO_RCVBUF, packetRecvBuffer)
	if err := applyBuffers(fd, o); err != nil {
		return err
	}
	onlyJoined(fd, family)
	if !o.Broadcast {
		return nil
	}
	return SetOption(fd, family, poller.Broadcast, 1)
}

// raise makes a buffer at least n bytes. A system that allows less keeps its own.
func raise(fd int32, name, n int) {
	if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, name); err == nil && v < n {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, name, n)
	}
}

// onlyJoined keeps out the groups that other sockets of the machine have joined. The
// kernels look at what a socket has joined only if it has any multicast option
// (udp_input in netinet/udp_usrreq.c of FreeBSD), so it is given one, the default.
func onlyJoined(fd int32, family int) {
	if so, ok := sockoptOf(poller.MulticastLoop, family); ok {
		setsockopt(fd, so, 1)
	}
}

// setsBoth reports whether an option of a socket of IPv6 is one of IPv4, too.
func setsBoth(fd int32) bool { return carriesIPv4(fd) }

// setMappedOption says that there is no way to set o for the IPv4 of a socket of IPv6,
// which the kernels let nobody do (ip6_ctloutput in netinet6/ip6_output.c). The hops
// of IPv6 are those of IPv4 too.
func setMappedOption(_ int32, o poller.Option, _ int) error {
	if o == poller.TTL {
		return nil
	}
	return errors.ErrUnsupported
}

// checkMembership refuses what is of no group, or of another family, and settles the
// rest. A socket of IPv6 joins no group of IPv4 on these systems, be it one that carries
// IPv4.
func checkMembership(fd int32, family int, m poller.Membership) (poller.Membership, error) {
	m, ok := settled(m)
	v4 := m.Group.Is4()
	switch {
	case !ok:
		return m, unix.ENXIO
	case !m.Group.IsMulticast() || m.Source.IsValid() && m.Source.Is4() != v4:
		return m, unix.EINVAL
	case v4 && family == unix.AF_INET6 && carriesIPv4(fd):
		return m, errors.ErrUnsupported
	case v4 != (family == unix.AF_INET):
		return m, unix.EINVAL
	}
	return m, nil
}

// copyOptions gives fd the values that a listener has.
func copyOptions(fd, listener int32, family int, options ...poller.Option) {
	for _, o := range options {
		if v, err := GetOption(listener, family, o); err == nil {
			SetOption(fd, family, o, v) // the connection may be gone already, which it will tell
		}
	}
}

func fillAddr(sa *SockaddrIn6, ip netip.Addr, family int) {
	var n uint32
	sa.SetFor(netip.AddrPortFrom(ip, 0), family, &n, nil)
}
