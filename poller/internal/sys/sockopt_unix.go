//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A sockopt is where the system keeps an Option.
type sockopt struct{ level, name int }

// sockoptOf finds an Option for a socket of the given family.
func sockoptOf(o poller.Option, family int) (sockopt, bool) {
	v6 := family == unix.AF_INET6
	switch o {
	case poller.NoDelay:
		return sockopt{unix.IPPROTO_TCP, unix.TCP_NODELAY}, true
	case poller.KeepAlive:
		return sockopt{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, true
	case poller.KeepAliveIdle:
		return sockopt{unix.IPPROTO_TCP, tcpKeepIdle}, tcpKeepIdle != 0
	case poller.KeepAliveInterval:
		return sockopt{unix.IPPROTO_TCP, tcpKeepInterval}, tcpKeepInterval != 0
	case poller.KeepAliveCount:
		return sockopt{unix.IPPROTO_TCP, tcpKeepCount}, tcpKeepCount != 0
	case poller.UserTimeout:
		return sockopt{unix.IPPROTO_TCP, tcpUserTimeout}, tcpUserTimeout != 0
	case poller.RecvBuffer:
		return sockopt{unix.SOL_SOCKET, unix.SO_RCVBUF}, true
	case poller.SendBuffer:
		return sockopt{unix.SOL_SOCKET, unix.SO_SNDBUF}, true
	case poller.Broadcast:
		return sockopt{unix.SOL_SOCKET, unix.SO_BROADCAST}, true
	case poller.TTL:
		return ofFamily(v6, unix.IP_TTL, unix.IPV6_UNICAST_HOPS), true
	case poller.TrafficClass:
		return ofFamily(v6, unix.IP_TOS, unix.IPV6_TCLASS), true
	case poller.MulticastTTL:
		return ofFamily(v6, unix.IP_MULTICAST_TTL, unix.IPV6_MULTICAST_HOPS), true
	case poller.MulticastLoop:
		return ofFamily(v6, unix.IP_MULTICAST_LOOP, unix.IPV6_MULTICAST_LOOP), true
	case poller.V6Only:
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
func checkOption(o poller.Option, v int) bool {
	switch o {
	case poller.TTL:
		return v >= 1 && v <= 255
	case poller.MulticastTTL, poller.TrafficClass:
		return v >= 0 && v <= 255
	case poller.NoDelay, poller.KeepAlive, poller.Broadcast, poller.MulticastLoop:
		return v == 0 || v == 1
	case poller.KeepAliveIdle, poller.KeepAliveInterval, poller.KeepAliveCount:
		return v >= 1
	case poller.Linger:
		return v >= -1
	}
	return v >= 0 && v <= math.MaxInt32
}

// ofIP reports whether an Option is kept for each family.
func ofIP(o poller.Option) bool {
	switch o {
	case poller.TTL, poller.TrafficClass, poller.MulticastTTL, poller.MulticastLoop, poller.MulticastInterface:
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
	var sa Sockaddr
	if !isDual(fd) || Getsockname(fd, &sa) != 0 {
		return false
	}
	ip := sa.Addr(nil).Addr()
	return ip.Is4() || ip.IsUnspecified()
}

// SetOption sets o for both families where a socket of IPv6 carries IPv4 too.
func SetOption(fd int32, family int, o poller.Option, v int) error {
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

func setOne(fd int32, family int, o poller.Option, v int) error {
	var err error
	switch o {
	case poller.Linger:
		l := unix.Linger{Onoff: 1, Linger: int32(v)}
		if v < 0 {
			l = unix.Linger{}
		}
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, soLinger, &l)
	case poller.MulticastInterface:
		err = setMulticastInterface(fd, family, v)
	case poller.BacklogSize:
		err = unix.Listen(int(fd), v)
	case poller.V6Only:
		return errors.ErrUnsupported // once bound it is fixed
	default:
		so, ok := sockoptOf(o, family)
		if !ok {
			return errors.ErrUnsupported
		}
		if o == poller.UserTimeout {
			v = (v + userTimeoutUnit - 1) / userTimeoutUnit
		}
		err = setsockopt(fd, so, v)
	}
	return optionError("setsockopt", fd, family, o, err)
}

func GetOption(fd int32, family int, o poller.Option) (int, error) {
	if o == poller.Linger {
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
	case poller.NoDelay, poller.KeepAlive, poller.Broadcast, poller.MulticastLoop, poller.V6Only:
		v = flag(v != 0) // the BSDs answer with the bit that it is in the kernel
	}
	if o == poller.UserTimeout {
		v *= userTimeoutUnit
	}
	return v, optionError("getsockopt", fd, family, o, err)
}

// ApplyStream sets what o asks of a stream socket before it connects or listens.
// The system, or Inherit, hands all of it on from a listener to what it accepts.
func ApplyStream(fd int32, family int, o *poller.Options) error {
	if err := applyBuffers(fd, o); err != nil {
		return err
	}
	if family == unix.AF_UNIX {
		return nil
	}
	if !o.Delay {
		if err := SetOption(fd, family, poller.NoDelay, 1); err != nil {
			return err
		}
	}
	if ms := userTimeout(o); ms > 0 {
		if err := SetOption(fd, family, poller.UserTimeout, ms); err != nil {
			return err
		}
	}
	on, times := probing(o)
	switch {
	case !on:
		return nil
	case tcpKeepIdle == 0 && timed(o): // the times are the system's own
		return errors.ErrUnsupported
	}
	if err := SetOption(fd, family, poller.KeepAlive, 1); err != nil || tcpKeepIdle == 0 {
		return err
	}
	for _, s := range times {
		if s.v <= 0 {
			continue
		}
		if err := SetOption(fd, family, s.o, s.v); err != nil {
			return err
		}
	}
	return nil
}

func applyBuffers(fd int32, o *poller.Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.RecvBuffer > 0 {
		if err := SetOption(fd, 0, poller.RecvBuffer, o.RecvBuffer); err != nil {
			return err
		}
	}
	if o.SendBuffer > 0 {
		return SetOption(fd, 0, poller.SendBuffer, o.SendBuffer)
	}
	return nil
}

// ApplyDial sets what decides whether a connection may have the local address of others.
// It is SO_REUSEPORT everywhere: among connections there is nothing to spread.
func ApplyDial(fd int32, o *poller.Options) error {
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

// ApplyShare sets what decides who else may have the address.
func ApplyShare(fd int32, family int, o *poller.Options, reuse bool) error {
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
