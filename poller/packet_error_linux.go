package poller

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// takeErrors empties the queue that IP_RECVERR fills (ip(7)) and has what is in it
// told. A socket is in error as long as there is something in it, and would spin the
// loop. It returns how many came from a host, and so were errors of the socket for the
// next call too; what the machine itself has refused, its own call has returned.
func (s *packet) takeErrors() (n int) {
	for range errorsPerPoll {
		var (
			to      sockaddrIn6 // of the datagram (msg_name)
			control recvControl
			m       unix.Msghdr
		)
		m.Name, m.Namelen = (*byte)(unsafe.Pointer(&to)), uint32(unsafe.Sizeof(to))
		m.Control = (*byte)(unsafe.Pointer(&control))
		m.SetControllen(len(control) * 8)
		if recverr(s.fd, &m) != 0 {
			return n
		}
		if err := peerError(&s.p.zones, &to, control.bytes(int(m.Controllen))); err != nil {
			s.tellLater(err)
			n++
		}
	}
	return n
}

// peerError is an entry of the queue of errors, or nil if no host has sent it.
func peerError(z *zones, to *sockaddrIn6, control []byte) error {
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

// extendedError reads a sock_extended_err, which the address of the offender is behind
// (SO_EE_OFFENDER).
func extendedError(z *zones, to *sockaddrIn6, p []byte) error {
	const size = int(unsafe.Sizeof(unix.SockExtendedErr{}))
	if len(p) < size {
		return nil
	}
	e := (*unix.SockExtendedErr)(unsafe.Pointer(unsafe.SliceData(p)))
	if e.Origin != unix.SO_EE_ORIGIN_ICMP && e.Origin != unix.SO_EE_ORIGIN_ICMP6 {
		return nil
	}
	err := &PeerError{Peer: to.addrPort(z), Err: os.NewSyscallError("recvmsg", errno(e.Errno))}
	var offender sockaddrIn6
	if copy((*[unsafe.Sizeof(offender)]byte)(unsafe.Pointer(&offender))[:], p[size:]) >= unix.SizeofSockaddrInet4 {
		err.Offender = offender.addrPort(z).Addr()
	}
	return err
}

// reportsErrors reports whether the owner of a socket before us has had its errors
// queued.
func reportsErrors(fd int32) bool {
	v4, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR)
	v6, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR)
	return v4 != 0 || v6 != 0
}
