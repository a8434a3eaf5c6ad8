//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"errors"
	"math"
	"os"

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
		return sockopt{unix.IPPROTO_TCP, tcpKeepIdle}, tcpKeepIdle != 0
	case KeepAliveInterval:
		return sockopt{unix.IPPROTO_TCP, tcpKeepInterval}, tcpKeepInterval != 0
	case KeepAliveCount:
		return sockopt{unix.IPPROTO_TCP, tcpKeepCount}, tcpKeepCount != 0
	case UserTimeout:
		return sockopt{unix.IPPROTO_TCP, tcpUserTimeout}, tcpUserTimeout != 0
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
	case KeepAliveIdle, KeepAliveInterval, KeepAliveCount:
		return v >= 1
	case Linger:
		return v >= -1
	}
	return v >= 0 && v <= math.MaxInt32
}

// ofIP reports whether an Option is kept for each family.
func ofIP(o Option) bool {
	switch o {
	case TTL, TrafficClass, MulticastTTL, MulticastLoop, MulticastInterface:
		return true
	}
	return false
}

// isDual reports whether a socket of IPv6 is not kept to it (RFC 3493, 5.3).
func isDual(fd int32) bool {
	only, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return mapsIPv4 && err == nil && only == 0
}

// carriesIPv4 reports whether a socket of IPv6 can receive IPv4 where it is bound.
func carriesIPv4(fd int32) bool {
	var sa sockaddr
	if !isDual(fd) || getsockname(fd, &sa) != 0 {
		return false
	}
	ip := sa.addr(nil).Addr()
	return ip.Is4() || ip.IsUnspecified()
}

// setOption sets o for both families where a socket of IPv6 carries IPv4 too.
func setOption(fd int32, family int, o Option, v int) error {
	if !checkOption(o, v) {
		return os.NewSyscallError("setsockopt", unix.EINVAL)
	}
	if family == unix.AF_INET6 && ofIP(o) && setsBoth(fd) { // first, as the system may not let it
		if err := setMappedOption(fd, o, v); err != nil {
			return err
		}
	}
	return setOne(fd, family, o, v)
}

func setOne(fd int32, family int, o Option, v int) error {
	var err error
	switch o {
	case Linger:
		l := unix.Linger{Onoff: 1, Linger: int32(v)}
		if v < 0 {
			l = unix.Linger{}
		}
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, soLinger, &l)
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
		if o == UserTimeout {
			v = (v + userTimeoutUnit - 1) / userTimeoutUnit
		}
		err = setsockopt(fd, so, v)
	}
	return optionError("setsockopt", fd, family, o, err)
}

func getOption(fd int32, family int, o Option) (int, error) {
	if o == Linger {
		l, err := unix.GetsockoptLinger(int(fd), unix.SOL_SOCKET, soLinger)
		if err != nil {
			return 0, os.NewSyscallError("getsockopt", err)
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
	v, err := getsockopt(fd, so)
	switch o {
	case NoDelay, KeepAlive, Broadcast, MulticastLoop, V6Only:
		v = flag(v != 0) // the BSDs answer with the bit that it is in the kernel
	}
	if o == UserTimeout {
		v *= userTimeoutUnit
	}
	return v, optionError("getsockopt", fd, family, o, err)
}

// applyStream sets what o asks of a stream socket before it connects or listens.
// The system, or inherit, hands all of it on from a listener to what it accepts.
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
	if ms := o.userTimeout(); ms > 0 {
		if err := setOption(fd, family, UserTimeout, ms); err != nil {
			return err
		}
	}
	on, times := o.probing()
	switch {
	case !on:
		return nil
	case tcpKeepIdle == 0 && o.timed(): // the times are the system's own
		return errors.ErrUnsupported
	}
	if err := setOption(fd, family, KeepAlive, 1); err != nil || tcpKeepIdle == 0 {
		return err
	}
	for _, s := range times {
		if s.v <= 0 {
			continue
		}
		if err := setOption(fd, family, s.o, s.v); err != nil {
			return err
		}
	}
	return nil
}

func applyBuffers(fd int32, o *Options) error {
	if err := o.Check(); err != nil {
		return err
	}
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

// applyDial sets what decides whether a connection may have the local address of others.
// It is SO_REUSEPORT everywhere: among connections there is nothing to spread.
func applyDial(fd int32, o *Options) error {
	for _, s := range [...]struct {
		on   bool
		name int
	}{{o.ReuseAddr, unix.SO_REUSEADDR}, {o.ReusePort, unix.SO_REUSEPORT}} {
		if !s.on {
			continue
		}
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, s.name, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
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
		if soReusePort == 0 {
			return errors.ErrUnsupported
		}
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, soReusePort, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	switch {
	case family == unix.AF_INET6 && (o.V6Only || mapsIPv4): // not left to the system's default
		err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, flag(o.V6Only))
		return os.NewSyscallError("setsockopt", err)
	case o.V6Only && family != unix.AF_INET6:
		return os.NewSyscallError("setsockopt", unix.EINVAL)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
