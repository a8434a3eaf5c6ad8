package poller

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A sockopt is where the system keeps an Option.
type sockopt struct{ level, name int32 }

const (
	soExclusiveAddrUse = ^windows.SO_REUSEADDR // SO_EXCLUSIVEADDRUSE (winsock2.h)
	ipv6TClass         = 39                    // IPV6_TCLASS (ws2ipdef.h)
)

// sockoptOf finds an Option for a socket of the given family.
func sockoptOf(o Option, family int) (sockopt, bool) {
	v6 := family == windows.AF_INET6
	switch o {
	case NoDelay:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_NODELAY}, true
	case KeepAlive:
		return sockopt{windows.SOL_SOCKET, windows.SO_KEEPALIVE}, true
	case KeepAliveIdle:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPIDLE}, true
	case KeepAliveInterval:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPINTVL}, true
	case KeepAliveCount:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPCNT}, true
	case UserTimeout:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_MAXRTMS}, true
	case RecvBuffer:
		return sockopt{windows.SOL_SOCKET, windows.SO_RCVBUF}, true
	case SendBuffer:
		return sockopt{windows.SOL_SOCKET, windows.SO_SNDBUF}, true
	case Broadcast:
		return sockopt{windows.SOL_SOCKET, windows.SO_BROADCAST}, true
	case TTL:
		return ofFamily(v6, windows.IP_TTL, windows.IPV6_UNICAST_HOPS), true
	case TrafficClass:
		return ofFamily(v6, windows.IP_TOS, ipv6TClass), true
	case MulticastTTL:
		return ofFamily(v6, windows.IP_MULTICAST_TTL, windows.IPV6_MULTICAST_HOPS), true
	case MulticastLoop:
		return ofFamily(v6, windows.IP_MULTICAST_LOOP, windows.IPV6_MULTICAST_LOOP), true
	case V6Only:
		return sockopt{windows.IPPROTO_IPV6, windows.IPV6_V6ONLY}, v6
	}
	return sockopt{}, false
}

func ofFamily(v6 bool, ip, ipv6 int32) sockopt {
	if v6 {
		return sockopt{windows.IPPROTO_IPV6, ipv6}
	}
	return sockopt{windows.IPPROTO_IP, ip}
}

// checkOption refuses what no system takes, and what Windows would cut to fewer
// bits.
func checkOption(o Option, v int) bool {
	switch o {
	case TTL, KeepAliveCount:
		return v >= 1 && v <= 255
	case MulticastTTL, TrafficClass:
		return v >= 0 && v <= 255
	case NoDelay, KeepAlive, Broadcast, MulticastLoop:
		return v == 0 || v == 1
	case KeepAliveIdle, KeepAliveInterval:
		return v >= 1 && v <= maxKeepAlive
	case Linger:
		return v >= -1 && v <= 1<<16-1 // a u_short (linger, winsock2.h)
	}
	return v >= 0 && v <= 1<<31-1
}

// ofIP reports whether an Option is kept for each family.
func ofIP(o Option) bool {
	switch o {
	case TTL, TrafficClass, MulticastTTL, MulticastLoop, MulticastInterface:
		return true
	}
	return false
}

// isDual reports whether a socket of IPv6 is not kept to it.
func isDual(h windows.Handle) bool {
	only, err := getOption(h, windows.AF_INET6, V6Only)
	return err == nil && only == 0
}

// carriesIPv4 reports whether a socket of IPv6 can receive IPv4 where it is bound.
func carriesIPv4(h windows.Handle) bool {
	var sa sockaddr
	if !isDual(h) || getsockname(h, &sa) != 0 {
		return false
	}
	ip := sa.addr(nil).Addr()
	return ip.Is4() || ip.IsUnspecified()
}

// setOption sets o for both families where a socket of IPv6 carries IPv4 too
// ("Dual-Stack Sockets").
func setOption(h windows.Handle, family int, o Option, v int) error {
	if !checkOption(o, v) {
		return callError("setsockopt", windows.WSAEINVAL)
	}
	if family == windows.AF_INET6 && ofIP(o) && isDual(h) {
		if err := setOne(h, windows.AF_INET, o, v); err != nil {
			return err
		}
	}
	return setOne(h, family, o, v)
}

func setOne(h windows.Handle, family int, o Option, v int) error {
	switch o {
	case Linger:
		return fault("setsockopt", setLinger(h, v))
	case MulticastInterface:
		return fault("setsockopt", setMulticastInterface(h, family, v))
	case BacklogSize:
		return optionError("listen", o, windows.Listen(h, v))
	case V6Only:
		return errors.ErrUnsupported // once bound it is fixed
	}
	so, ok := sockoptOf(o, family)
	if !ok {
		return errors.ErrUnsupported
	}
	return optionError("setsockopt", o, setInt(h, so, v))
}

func setInt(h windows.Handle, so sockopt, v int) error {
	n := int32(v)
	return windows.Setsockopt(h, so.level, so.name, (*byte)(unsafe.Pointer(&n)), int32(unsafe.Sizeof(n)))
}

// lingering is struct linger, which x/sys has with the fields of other systems.
type lingering struct{ on, seconds uint16 }

func setLinger(h windows.Handle, v int) error {
	l := lingering{on: 1, seconds: uint16(v)}
	if v < 0 {
		l = lingering{}
	}
	return windows.Setsockopt(h, windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&l)), int32(unsafe.Sizeof(l)))
}

// optionError names the ways in which Winsock says that a kind of socket does not
// have an option. WSAEINVAL is one where the value has been checked.
func optionError(call string, o Option, err error) error {
	switch err {
	case windows.WSAENOPROTOOPT, windows.WSAEOPNOTSUPP:
		return errors.ErrUnsupported
	case windows.WSAEINVAL, windows.WSAEISCONN:
		if o != RecvBuffer && o != SendBuffer {
			return errors.ErrUnsupported
		}
	}
	return fault(call, err)
}

func getOption(h windows.Handle, family int, o Option) (int, error) {
	if o == Linger {
		var l lingering
		n := int32(unsafe.Sizeof(l))
		err := windows.Getsockopt(h, windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&l)), &n)
		if err != nil || l.on == 0 {
			return -1, fault("getsockopt", err)
		}
		return int(l.seconds), nil
	}
	so, ok := sockoptOf(o, family)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	var v int32 // a flag may come as one byte
	n := int32(unsafe.Sizeof(v))
	err := windows.Getsockopt(h, so.level, so.name, (*byte)(unsafe.Pointer(&v)), &n)
	return int(v), optionError("getsockopt", o, err)
}

// A setter sets options of a socket and remembers what it must.
type setter interface {
	setOption(h windows.Handle, family int, o Option, v int) error
}

// applyStream sets what o asks of a stream socket before it connects or listens.
func applyStream(h windows.Handle, family int, o *Options, s setter) error {
	if err := o.Check(); err != nil {
		return err
	}
	settings := []optionValue{
		{RecvBuffer, o.RecvBuffer}, {SendBuffer, o.SendBuffer}, {NoDelay, flag(!o.Delay)}, {UserTimeout, o.userTimeout()},
	}
	on, times := o.probing()
	if on {
		settings = append(append(settings, optionValue{KeepAlive, 1}), times[:]...)
	}
	for _, set := range settings {
		if set.v <= 0 {
			continue
		}
		err := s.setOption(h, family, set.o, set.v)
		if set.o == KeepAliveCount && o.KeepAliveConfig.Count == 0 && errors.Is(err, errors.ErrUnsupported) {
			continue // a default (TCP_KEEPCNT is of Windows 10 version 1703)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyDial sets what decides whether a connection may have the local address of others.
func applyDial(h windows.Handle, o *Options) error {
	switch {
	case o.ReusePort:
		return errors.ErrUnsupported
	case o.ReuseAddr:
		return fault("setsockopt", setInt(h, sockopt{windows.SOL_SOCKET, windows.SO_REUSEADDR}, 1))
	}
	return nil
}

// applyShare sets what decides who else may have the address. SO_REUSEADDR lets
// others take it away, whoever they are, so that whoever does not ask for it has
// the address alone ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). The system
// does not need it to let a server restart.
func applyShare(h windows.Handle, family int, o *Options, reuse bool) error {
	if o.ReusePort {
		return errors.ErrUnsupported // nothing spreads connections here
	}
	name := int32(soExclusiveAddrUse)
	if reuse {
		name = windows.SO_REUSEADDR
	}
	if err := setInt(h, sockopt{windows.SOL_SOCKET, name}, 1); err != nil {
		return fault("setsockopt", err)
	}
	switch {
	case family == windows.AF_INET6: // the system's default is 1
		return fault("setsockopt", setInt(h, sockopt{windows.IPPROTO_IPV6, windows.IPV6_V6ONLY}, flag(o.V6Only)))
	case o.V6Only:
		return callError("setsockopt", windows.WSAEINVAL)
	}
	return nil
}

func applyPacket(h windows.Handle, family int, o *Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.RecvError || o.RecvPacketInfo || o.RecvTrafficClass {
		return errors.ErrUnsupported
	}
	for _, set := range []struct {
		o Option
		v int
	}{{RecvBuffer, o.RecvBuffer}, {SendBuffer, o.SendBuffer}, {Broadcast, flag(o.Broadcast)}} {
		if set.v <= 0 {
			continue
		}
		if err := setOption(h, family, set.o, set.v); err != nil {
			return err
		}
	}
	reportRefusals(h, false)
	return nil
}

// reportRefusals says whether an ICMP error that answers a datagram is an error of
// the socket (SIO_UDP_CONNRESET in "Winsock IOCTLs"; SIO_UDP_NETRESET in
// mswsock.h). Windows has that on, so that one peer which has gone would be an
// error of a server. Systems that do not know it are left as they are.
func reportRefusals(h windows.Handle, on bool) {
	in, n := uint32(flag(on)), uint32(0)
	for _, code := range []uint32{windows.SIO_UDP_CONNRESET, windows.SIO_UDP_NETRESET} {
		windows.WSAIoctl(h, code, (*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &n, nil, 0)
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
