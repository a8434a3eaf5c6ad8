//go:build linux

package poller

import (
	"errors"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sockopt is where the system keeps an Option.
type sockopt struct{ level, name int }

// sockoptOf finds an Option for a socket of the given family.
func sockoptOf(o Option, family int) (sockopt, bool) {
	v6 := family == unix.AF_INET6
	switch o {
	case NoDelay:
		return sockopt{unix.IPPROTO_TCP, unix.TCP_NODELAY}, true
	case KeepAlive:
		return sockopt{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, true
	case KeepAliveIdle:
		return sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, true
	case KeepAliveInterval:
		return sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, true
	case KeepAliveCount:
		return sockopt{unix.IPPROTO_TCP, unix.TCP_KEEPCNT}, true
	case RecvBuffer:
		return sockopt{unix.SOL_SOCKET, unix.SO_RCVBUF}, true
	case SendBuffer:
		return sockopt{unix.SOL_SOCKET, unix.SO_SNDBUF}, true
	case Broadcast:
		return sockopt{unix.SOL_SOCKET, unix.SO_BROADCAST}, true
	case TTL:
		return ofFamily(v6, unix.IP_TTL, unix.IPV6_UNICAST_HOPS), true
	case TrafficClass:
		return ofFamily(v6, unix.IP_TOS, unix.IPV6_TCLASS), true
	case MulticastTTL:
		return ofFamily(v6, unix.IP_MULTICAST_TTL, unix.IPV6_MULTICAST_HOPS), true
	case MulticastLoop:
		return ofFamily(v6, unix.IP_MULTICAST_LOOP, unix.IPV6_MULTICAST_LOOP), true
	case V6Only:
		return sockopt{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}, v6
	}
	return sockopt{}, false
}

func ofFamily(v6 bool, ip, ipv6 int) sockopt {
	if v6 {
		return sockopt{unix.IPPROTO_IPV6, ipv6}
	}
	return sockopt{unix.IPPROTO_IP, ip}
}

// checkOption refuses what the system would take to mean something else: -1 is
// "the default" for several options of the IP layer (ip(7)).
func checkOption(o Option, v int) bool {
	switch o {
	case TTL:
		return v >= 1 && v <= 255
	case MulticastTTL, TrafficClass:
		return v >= 0 && v <= 255
	case NoDelay, KeepAlive, Broadcast, MulticastLoop:
		return v == 0 || v == 1
	case Linger:
		return v >= -1
	}
	return v >= 0
}

func setOption(fd int32, family int, o Option, v int) error {
	if !checkOption(o, v) {
		return os.NewSyscallError("setsockopt", unix.EINVAL)
	}
	var err error
	switch o {
	case Linger:
		l := unix.Linger{Onoff: 1, Linger: int32(v)}
		if v < 0 {
			l = unix.Linger{}
		}
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &l)
	case MulticastInterface:
		err = setMulticastInterface(fd, family, v)
	case BacklogSize:
		err = unix.Listen(int(fd), v)
	case V6Only:
		return errors.ErrUnsupported // once bound it is fixed
	default:
		so, ok := sockoptOf(o, family)
		if !ok {
			return errors.ErrUnsupported
		}
		err = unix.SetsockoptInt(int(fd), so.level, so.name, v)
	}
	return optionError("setsockopt", o, err)
}

// optionError names the ways in which Linux says that a kind of socket does not
// have an option. EINVAL is one where the value has been checked.
func optionError(call string, o Option, err error) error {
	if err == unix.ENOPROTOOPT || err == unix.EINVAL && (o == BacklogSize || o == MulticastTTL) {
		return errors.ErrUnsupported
	}
	return os.NewSyscallError(call, err)
}

func getOption(fd int32, family int, o Option) (int, error) {
	if o == Linger {
		var l unix.Linger
		n := uint32(unsafe.Sizeof(l))
		_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
			uintptr(unsafe.Pointer(&l)), uintptr(unsafe.Pointer(&n)), 0)
		if e != 0 {
			return 0, os.NewSyscallError("getsockopt", e)
		}
		if l.Onoff == 0 {
			return -1, nil
		}
		return int(l.Linger), nil
	}
	so, ok := sockoptOf(o, family)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	v, err := unix.GetsockoptInt(int(fd), so.level, so.name)
	return v, optionError("getsockopt", o, err)
}

func setMulticastInterface(fd int32, family, index int) error {
	if family == unix.AF_INET6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
	}
	return unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
}

// applyStream sets what o asks of a stream socket before it connects or
// listens. Linux hands all of it on from a listener to what it accepts, so that
// accepting costs no setsockopt.
func applyStream(fd int32, family int, o *Options) error {
	if err := applyBuffers(fd, o); err != nil {
		return err
	}
	if family == unix.AF_UNIX {
		return nil
	}
	if !o.Delay {
		if err := setOption(fd, family, NoDelay, 1); err != nil {
			return err
		}
	}
	d := o.keepAlive()
	if d == 0 {
		return nil
	}
	seconds := int((d + time.Second - 1) / time.Second)
	for _, s := range []struct {
		o Option
		v int
	}{{KeepAlive, 1}, {KeepAliveIdle, seconds}, {KeepAliveInterval, seconds}} {
		if err := setOption(fd, family, s.o, s.v); err != nil {
			return err
		}
	}
	return nil
}

func applyBuffers(fd int32, o *Options) error {
	if o.RecvBuffer > 0 {
		if err := setOption(fd, 0, RecvBuffer, o.RecvBuffer); err != nil {
			return err
		}
	}
	if o.SendBuffer > 0 {
		return setOption(fd, 0, SendBuffer, o.SendBuffer)
	}
	return nil
}

// applyShare sets what decides who else may have the address.
func applyShare(fd int32, family int, o *Options, reuse bool) error {
	if reuse {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if o.ReusePort {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	switch {
	case family == unix.AF_INET6: // not left to net.ipv6.bindv6only
		err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, flag(o.V6Only))
		return os.NewSyscallError("setsockopt", err)
	case o.V6Only:
		return os.NewSyscallError("setsockopt", unix.EINVAL)
	}
	return nil
}

func applyPacket(fd int32, family int, o *Options) error {
	if err := applyBuffers(fd, o); err != nil {
		return err
	}
	onlyJoined(fd, family)
	if o.Broadcast {
		if err := setOption(fd, family, Broadcast, 1); err != nil {
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

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// membership joins or leaves; RFC 3678's protocol-independent calls serve both
// families.
func membership(fd int32, family int, m Membership, join bool) error {
	v4 := family == unix.AF_INET
	if !m.Group.IsMulticast() || m.Group.Is4() != v4 || m.Source.IsValid() && m.Source.Is4() != v4 {
		return os.NewSyscallError("setsockopt", unix.EINVAL)
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
	_, _, e := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&req)), size, 0)
	if e != 0 {
		return os.NewSyscallError("setsockopt", e)
	}
	return nil
}

func fillStorage(b *[128]byte, ip netip.Addr, family int) {
	var n uint32
	(*sockaddrIn6)(unsafe.Pointer(b)).setFor(netip.AddrPortFrom(ip, 0), family, &n)
}
