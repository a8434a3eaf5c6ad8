package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// PeerError makes an error of an entry of the queue that IP_RECVERR fills (ip(7)). It is nil if
// the entry did not come from a host. The datagram was for to.
func PeerError(z *Zones, to *SockaddrIn6, control []byte) error {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(control) {
			return nil
		}
		if h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR || h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR {
			return extendedError(z, to, control[unix.CmsgLen(0):n])
		}
		control = control[min(unix.CmsgSpace(n-unix.CmsgLen(0)), len(control)):]
	}
	return nil
}

// extendedError reads a sock_extended_err, and behind it the address of the offender
// (SO_EE_OFFENDER).
func extendedError(z *Zones, to *SockaddrIn6, p []byte) error {
	const size = int(unsafe.Sizeof(unix.SockExtendedErr{}))
	if len(p) < size {
		return nil
	}
	e := (*unix.SockExtendedErr)(unsafe.Pointer(unsafe.SliceData(p)))
	if e.Origin != unix.SO_EE_ORIGIN_ICMP && e.Origin != unix.SO_EE_ORIGIN_ICMP6 {
		return nil
	}
	err := &poller.PeerError{Peer: to.AddrPort(z), Err: os.NewSyscallError("recvmsg", Errno(e.Errno))}
	var offender SockaddrIn6
	if copy((*[unsafe.Sizeof(offender)]byte)(unsafe.Pointer(&offender))[:], p[size:]) >= unix.SizeofSockaddrInet4 {
		err.Offender = offender.AddrPort(z).Addr()
	}
	return err
}

// ReportsErrors reports whether the owner of a socket before us has had its errors
// queued.
func ReportsErrors(fd int32) bool {
	v4, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR)
	v6, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR)
	return v4 != 0 || v6 != 0
}
