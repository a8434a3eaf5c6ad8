//go:build dragonfly || netbsd || openbsd

package sys

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// These systems have no protocol-independent calls (RFC 3678), and name an
// interface by an IPv4 address that it has.

func setMulticastInterface(fd int32, family, index int) error {
	if family == unix.AF_INET6 {
		return setMulticastInterfaceIPv6(fd, index)
	}
	ip, err := interfaceAddr(index)
	if err != nil {
		return err
	}
	return unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, ip)
}

// Membership joins or leaves. There is none of one source only.
func Membership(fd int32, family int, m poller.Membership, join bool) error {
	m, err := checkMembership(fd, family, m)
	switch {
	case err == errors.ErrUnsupported:
		return err
	case err != nil:
		return os.NewSyscallError("setsockopt", err)
	}
	if m.Source.IsValid() {
		return errors.ErrUnsupported
	}
	var at [4]byte
	if family == unix.AF_INET {
		var err error
		if at, err = interfaceAddr(m.Interface); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("setsockopt", memberByAddr(fd, family, m, at, join))
}

// interfaceAddr finds an IPv4 address of an interface; zeros leave the choice to
// the system.
func interfaceAddr(index int) (ip [4]byte, err error) {
	if index == 0 {
		return ip, nil
	}
	ifi, err := net.InterfaceByIndex(index)
	if err != nil {
		return ip, unix.ENXIO
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return ip, unix.ENXIO
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p.Addr().As4(), nil
		}
	}
	return ip, unix.EADDRNOTAVAIL
}
