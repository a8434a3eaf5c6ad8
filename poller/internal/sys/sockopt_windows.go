package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
)

// A sockopt is where the system keeps an Option.
type sockopt struct{ level, name int32 }

const (
	soExclusiveAddrUse = ^windows.SO_REUSEADDR // SO_EXCLUSIVEADDRUSE (winsock2.h)
	ipv6TClass         = 39                    // IPV6_TCLASS (ws2ipdef.h)
)

// SoError is SO_ERROR (winsock2.h), which x/sys lacks.
const SoError = 0x1007

// sockoptOf finds an Option for a socket of the given family.
func sockoptOf(o poller.Option, family int) (sockopt, bool) {
	v6 := family == windows.AF_INET6
	switch o {
	case poller.NoDelay:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_NODELAY}, true
	case poller.KeepAlive:
		return sockopt{windows.SOL_SOCKET, windows.SO_KEEPALIVE}, true
	case poller.KeepAliveIdle:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPIDLE}, true
	case poller.KeepAliveInterval:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPINTVL}, true
	case poller.KeepAliveCount:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_KEEPCNT}, true
	case poller.UserTimeout:
		return sockopt{windows.IPPROTO_TCP, windows.TCP_MAXRTMS}, true
	case poller.RecvBuffer:
		return sockopt{windows.SOL_SOCKET, windows.SO_RCVBUF}, true
	case poller.SendBuffer:
		return sockopt{windows.SOL_SOCKET, windows.SO_SNDBUF}, true
	case poller.Broadcast:
		return sockopt{windows.SOL_SOCKET, windows.SO_BROADCAST}, true
	case poller.TTL:
		return ofFamily(v6, windows.IP_TTL, windows.IPV6_UNICAST_HOPS), true
	case poller.TrafficClass:
		return ofFamily(v6, windows.IP_TOS, ipv6TClass), true
	case poller.MulticastTTL:
		return ofFamily(v6, windows.IP_MULTICAST_TTL, windows.IPV6_MULTICAST_HOPS), true
	case poller.MulticastLoop:
		return ofFamily(v6, windows.IP_MULTICAST_LOOP, windows.IPV6_MULTICAST_LOOP), true
	case poller.V6Only:
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
func checkOption(o poller.Option, v int) bool {
	switch o {
	case poller.TTL, poller.KeepAliveCount:
		return v >= 1 && v <= 255
	case poller.MulticastTTL, poller.TrafficClass:
		return v >= 0 && v <= 255
	case poller.NoDelay, poller.KeepAlive, poller.Broadcast, poller.MulticastLoop:
		return v == 0 || v == 1
	case poller.KeepAliveIdle, poller.KeepAliveInterval:
		return v >= 1 && v <= maxKeepAlive
	case poller.Linger:
		return v >= -1 && v <= 1<<16-1 // a u_short (linger, winsock2.h)
	}
	return v >= 0 && v <= 1<<31-1
}

// ofIP reports whether an Option is kept for each family.
func ofIP(o poller.Option) bool {
	switch o {
	case poller.TTL, poller.TrafficClass, poller.MulticastTTL, poller.MulticastLoop, poller.MulticastInterface:
		return true
	}
	return false
}

// isDual reports whether a socket of IPv6 is not kept to it.
func isDual(h windows.Handle) bool {
	only, err := GetOption(h, windows.AF_INET6, poller.V6Only)
	return err == nil && only == 0
}

// carriesIPv4 reports whether a socket of IPv6 can receive IPv4 where it is bound.
func carriesIPv4(h windows.Handle) bool {
	var sa Sockaddr
	if !isDual(h) || Getsockname(h, &sa) != 0 {
		return false
	}
	ip := sa.Addr(nil).Addr()
	return ip.Is4() || ip.IsUnspecified()
}

// SetOption sets o for both families where a socket of IPv6 carries IPv4 too
// ("Dual-Stack Sockets").
func SetOption(h windows.Handle, family int, o poller.Option, v int) error {
	if !checkOption(o, v) {
		return CallError("setsockopt", windows.WSAEINVAL)
	}
	if family == windows.AF_INET6 && ofIP(o) && isDual(h) {
		if err := setOne(h, windows.AF_INET, o, v); err != nil {
			return err
		}
	}
	return setOne(h, family, o, v)
}

func setOne(h windows.Handle, family int, o poller.Option, v int) error {
	switch o {
	case poller.Linger:
		return Fault("setsockopt", SetLinger(h, v))
	case poller.MulticastInterface:
		return Fault("setsockopt", setMulticastInterface(h, family, v))
	case poller.BacklogSize:
		return optionError("listen", o, windows.Listen(h, v))
	case poller.V6Only:
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

func SetLinger(h windows.Handle, v int) error {
	l := lingering{on: 1, seconds: uint16(v)}
	if v < 0 {
		l = lingering{}
	}
	return windows.Setsockopt(h, windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&l)), int32(unsafe.Sizeof(l)))
}

// optionError names the ways in which Winsock says that a kind of socket does not
// have an option. WSAEINVAL is one where the value has been checked.
func optionError(call string, o poller.Option, err error) error {
	switch err {
	case windows.WSAENOPROTOOPT, windows.WSAEOPNOTSUPP:
		return errors.ErrUnsupported
	case windows.WSAEINVAL, windows.WSAEISCONN:
		if o != poller.RecvBuffer && o != poller.SendBuffer {
			return errors.ErrUnsupported
		}
	}
	return Fault(call, err)
}

func GetOption(h windows.Handle, family int, o poller.Option) (int, error) {
	if o == poller.Linger {
		var l lingering
		n := int32(unsafe.Sizeof(l))
		err := windows.Getsockopt(h, windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&l)), &n)
		if err != nil || l.on == 0 {
			return -1, Fault("getsockopt", err)
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
	SetOption(h windows.Handle, family int, o poller.Option, v int) error
}

// ApplyStream sets what o asks of a stream socket before it connects or listens.
func ApplyStream(h windows.Handle, family int, o *poller.Options, s setter) error {
	if err := o.Check(); err != nil {
		return err
	}
	settings := []optionValue{
		{poller.RecvBuffer, o.RecvBuffer}, {poller.SendBuffer, o.SendBuffer}, {poller.NoDelay, flag(!o.Delay)},
		{poller.UserTimeout, userTimeout(o)},
	}
	on, times := probing(o)
	if on {
		settings = append(append(settings, optionValue{poller.KeepAlive, 1}), times[:]...)
	}
	for _, set := range settings {
		if set.v <= 0 {
			continue
		}
		err := s.SetOption(h, family, set.o, set.v)
		if set.o == poller.KeepAliveCount && o.KeepAliveConfig.Count == 0 && errors.Is(err, errors.ErrUnsupported) {
			continue // a default (TCP_KEEPCNT is of Windows 10 version 1703)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ApplyDial sets what decides whether a connection may have the local address of others.
func ApplyDial(h windows.Handle, o *poller.Options) error {
	switch {
	case o.ReusePort:
		return errors.ErrUnsupported
	case o.ReuseAddr:
		return Fault("setsockopt", setInt(h, sockopt{windows.SOL_SOCKET, windows.SO_REUSEADDR}, 1))
	}
	return nil
}

// ApplyShare sets what decides who else may have the address. SO_REUSEADDR lets
// others take it away, whoever they are, so that whoever does not ask for it has
// the address alone ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). The system
// does not need it to let a server restart.
func ApplyShare(h windows.Handle, family int, o *poller.Options, reuse bool) error {
	if o.ReusePort {
		return errors.ErrUnsupported // nothing spreads connections here
	}
	name := int32(soExclusiveAddrUse)
	if reuse {
		name = windows.SO_REUSEADDR
	}
	if err := setInt(h, sockopt{windows.SOL_SOCKET, name}, 1); err != nil {
		return Fault("setsockopt", err)
	}
	switch {
	case family == windows.AF_INET6: // the system's default is 1
		return Fault("setsockopt", setInt(h, sockopt{windows.IPPROTO_IPV6, windows.IPV6_V6ONLY}, flag(o.V6Only)))
	case o.V6Only:
		return CallError("setsockopt", windows.WSAEINVAL)
	}
	return nil
}

func ApplyPacket(h windows.Handle, family int, o *poller.Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.RecvError || o.RecvPacketInfo || o.RecvTrafficClass {
		return errors.ErrUnsupported
	}
	for _, set := range []struct {
		o poller.Option
		v int
	}{{poller.RecvBuffer, o.RecvBuffer}, {poller.SendBuffer, o.SendBuffer}, {poller.Broadcast, flag(o.Broadcast)}} {
		if set.v <= 0 {
			continue
		}
		if err := SetOption(h, family, set.o, set.v); err != nil {
			return err
		}
	}
	ReportRefusals(h, false)
	return nil
}

// ReportRefusals says whether an ICMP error that answers a datagram is an error of
// the socket (SIO_UDP_CONNRESET in "Winsock IOCTLs"; SIO_UDP_NETRESET in
// mswsock.h). Windows has that on, so that one peer which has gone would be an
// error of a server. Systems that do not know it are left as they are.
func ReportRefusals(h windows.Handle, on bool) {
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
