package sys

import (
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// The options that have other names elsewhere.
const (
	tcpKeepIdle     = unix.TCP_KEEPIDLE
	tcpKeepInterval = unix.TCP_KEEPINTVL
	tcpKeepCount    = unix.TCP_KEEPCNT
	tcpUserTimeout  = unix.TCP_USER_TIMEOUT
	userTimeoutUnit = 1 // milliseconds
	soLinger        = unix.SO_LINGER
	soReusePort     = unix.SO_REUSEPORT
)

// mapsIPv4 says that an IPv6 socket can have IPv4 peers.
const mapsIPv4 = true

func setsockopt(fd int32, so sockopt, v int) error {
	return unix.SetsockoptInt(int(fd), so.level, so.name, v)
}

func getsockopt(fd int32, so sockopt) (int, error) {
	return unix.GetsockoptInt(int(fd), so.level, so.name)
}

// optionError names the ways in which Linux says that a kind of socket does not
// have an option. EINVAL is one where the value has been checked.
func optionError(call string, _ int32, _ int, o poller.Option, err error) error {
	if err == unix.ENOPROTOOPT || err == unix.EINVAL && (o == poller.BacklogSize || o == poller.MulticastTTL) {
		return errors.ErrUnsupported
	}
	return os.NewSyscallError(call, err)
}

func setMulticastInterface(fd int32, family, index int) error {
	if family == unix.AF_INET6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
	}
	return unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
}

// setsBoth reports whether an option of a socket of IPv6 is one of IPv4, too: wherever
// it is bound now, it may be connected and dissolved.
func setsBoth(fd int32) bool { return isDual(fd) }

// setMappedOption sets o for the IPv4 of a socket of IPv6, which Linux keeps as that of
// any other (ipv6_setsockopt hands the level to ip_setsockopt).
func setMappedOption(fd int32, o poller.Option, v int) error { return setOne(fd, unix.AF_INET, o, v) }

func ApplyPacket(fd int32, family int, o *poller.Options) error {
	if err := applyBuffers(fd, o); err != nil {
		return err
	}
	onlyJoined(fd, family)
	if err := applyControl(fd, family, o); err != nil {
		return err
	}
	if o.Broadcast {
		if err := SetOption(fd, family, poller.Broadcast, 1); err != nil {
			return err
		}
	}
	if !o.RecvError {
		return nil
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	// Also for IPv6: what a dual-stack socket sends to IPv4 has the errors of IPv4.
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1))
}

// onlyJoined keeps out the groups that other sockets of the machine have joined,
// which Linux lets in unless it is told not to (IP_MULTICAST_ALL, ip(7)). A kernel
// that does not know the option for IPv6 (before 4.20) lets them in still.
func onlyJoined(fd int32, family int) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	if family == unix.AF_INET6 {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
	}
}

// Membership joins or leaves; RFC 3678's protocol-independent calls serve both
// families, and each level the sockets of IPv6 too.
func Membership(fd int32, family int, m poller.Membership, join bool) error {
	m, ok := settled(m)
	v4 := m.Group.Is4()
	switch {
	case !ok:
		return os.NewSyscallError("setsockopt", unix.ENODEV)
	case !m.Group.IsMulticast() || m.Source.IsValid() && m.Source.Is4() != v4,
		v4 && family == unix.AF_INET6 && !carriesIPv4(fd), !v4 && family == unix.AF_INET:
		return os.NewSyscallError("setsockopt", unix.EINVAL)
	case v4:
		family = unix.AF_INET
	}
	level := unix.IPPROTO_IP
	if family == unix.AF_INET6 {
		level = unix.IPPROTO_IPV6
	}
	name := unix.MCAST_LEAVE_GROUP
	if join {
		name = unix.MCAST_JOIN_GROUP
	}
	// struct group_source_req; group_req is its beginning. Both align the
	// addresses as a pointer.
	var req struct {
		index  uint32
		_      [unsafe.Sizeof(uintptr(0)) - 4]byte
		group  [128]byte
		source [128]byte
	}
	req.index = uint32(m.Interface)
	fillStorage(&req.group, m.Group, family)
	size := unsafe.Offsetof(req.source)
	if m.Source.IsValid() {
		name = unix.MCAST_LEAVE_SOURCE_GROUP
		if join {
			name = unix.MCAST_JOIN_SOURCE_GROUP
		}
		fillStorage(&req.source, m.Source, family)
		size = unsafe.Sizeof(req)
	}
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&req)), size, 0)
	if e != 0 {
		return os.NewSyscallError("setsockopt", e)
	}
	return nil
}

func fillStorage(b *[128]byte, ip netip.Addr, family int) {
	var n uint32
	(*SockaddrIn6)(unsafe.Pointer(b)).SetFor(netip.AddrPortFrom(ip, 0), family, &n, nil)
}
