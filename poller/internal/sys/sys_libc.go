//go:build darwin || openbsd

package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// macOS and OpenBSD want system calls to be made by their C library, so these are
// those that x/sys has. An address that comes from the system costs an allocation
// there: one for each connection accepted and for each datagram received.

// Errno is 0 where the call succeeded.
type Errno = unix.Errno

// Recv of a socket that is lent asks not to wait: who else has it may have made it
// blocking.
func Recv(fd int32, b []byte, lent bool) (n int, e Errno) {
	var err error
	if lent {
		n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
	} else {
		n, err = unix.Read(int(fd), b)
	}
	return n, errnoOf(err)
}

func Send(fd int32, b []byte, _ bool) (int, Errno) {
	n, err := unix.SendmsgN(int(fd), b, nil, nil, sendFlags)
	return n, full(fd, errnoOf(err))
}

func Sendmsg(fd int32, m *unix.Msghdr, _ int, _ bool) (int, Errno) {
	var bufs [IovecsPerSend][]byte
	iovs := unsafe.Slice(m.Iov, int(m.Iovlen))
	for i := range iovs {
		bufs[i] = unsafe.Slice(iovs[i].Base, int(iovs[i].Len))
	}
	n, err := unix.SendmsgBuffers(int(fd), bufs[:len(iovs)], nil, nil, sendFlags)
	return n, full(fd, errnoOf(err))
}

// RecvFrom takes one datagram and who it is from.
func RecvFrom(fd int32, p []byte, from *Sockaddr) (int, Errno) {
	n, sa, err := unix.Recvfrom(int(fd), p, unix.MSG_DONTWAIT)
	from.fill(sa)
	return n, errnoOf(err)
}

// SendTo sends one datagram, to an address if that has a length.
func SendTo(fd int32, p []byte, to *Sockaddr, as *Name) Errno {
	if to.N == 0 {
		return errnoOf(unix.Sendto(int(fd), p, sendFlags, nil))
	}
	return errnoOf(unix.Sendto(int(fd), p, sendFlags, as.of(to)))
}

// Accept fills sa with the peer's address.
func Accept(fd int32, sa *Sockaddr) (int32, Errno) {
	n, err := acceptLocked(fd, sa)
	if err == nil {
		if err = unix.SetNonblock(n, true); err != nil {
			unix.Close(n)
		}
	}
	if err != nil {
		return -1, errnoOf(err)
	}
	Quiet(n)
	return int32(n), 0
}

func acceptLocked(fd int32, sa *Sockaddr) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, from, err := unix.Accept(int(fd))
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(n)
	sa.fill(from)
	return n, nil
}

func Connect(fd int32, sa *Sockaddr) Errno {
	return errnoOf(unix.Connect(int(fd), new(Name).of(sa)))
}

func Bind(fd int32, sa *Sockaddr) Errno {
	return errnoOf(unix.Bind(int(fd), new(Name).of(sa)))
}

func Getsockname(fd int32, sa *Sockaddr) Errno {
	from, err := unix.Getsockname(int(fd))
	sa.fill(from)
	return errnoOf(err)
}

func Getpeername(fd int32, sa *Sockaddr) Errno {
	from, err := unix.Getpeername(int(fd))
	sa.fill(from)
	return errnoOf(err)
}

// A Name is a sockaddr in the form that x/sys wants, with room for each family.
type Name struct {
	in  unix.SockaddrInet4
	in6 unix.SockaddrInet6
	un  unix.SockaddrUnix
}

func (m *Name) of(sa *Sockaddr) unix.Sockaddr {
	switch sa.Raw.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa.Raw))
		m.in.Port, m.in.Addr = int(netPort(in.Port)), in.Addr
		return &m.in
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa.Raw))
		m.in6.Port, m.in6.Addr, m.in6.ZoneId = int(netPort(in.Port)), in.Addr, in.Scope_id
		return &m.in6
	}
	m.un.Name = sa.Addr(nil).Path
	return &m.un
}

// fill is the other way.
func (sa *Sockaddr) fill(from unix.Sockaddr) {
	sa.Raw, sa.N = unix.RawSockaddrAny{}, 0
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa.Raw))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: netPort(uint16(from.Port)), Addr: from.Addr}
		sa.sized(unix.SizeofSockaddrInet4)
	case *unix.SockaddrInet6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa.Raw))
		*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: netPort(uint16(from.Port)), Addr: from.Addr, Scope_id: from.ZoneId}
		sa.sized(unix.SizeofSockaddrInet6)
	case *unix.SockaddrUnix:
		sa.setUnix(from.Name)
	}
}

func (sa *Sockaddr) sized(n int) {
	sa.Raw.Addr.Len, sa.N = uint8(n), uint32(n)
}
