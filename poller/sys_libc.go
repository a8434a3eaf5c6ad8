//go:build darwin || openbsd

package poller

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// macOS and OpenBSD want system calls to be made by their C library, so these are
// those that x/sys has. An address that comes from the system costs an allocation
// there: one for each connection accepted and for each datagram received.

// errno is 0 where the call succeeded.
type errno = unix.Errno

func errnoOf(err error) errno {
	e, _ := err.(unix.Errno)
	return e
}

// recv of a socket that is lent asks not to wait: who else has it may have made it
// blocking.
func recv(fd int32, b []byte, lent bool) (n int, e errno) {
	var err error
	if lent {
		n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
	} else {
		n, err = unix.Read(int(fd), b)
	}
	return n, errnoOf(err)
}

func send(fd int32, b []byte, _ bool) (int, errno) {
	n, err := unix.SendmsgN(int(fd), b, nil, nil, sendFlags)
	return n, full(fd, errnoOf(err))
}

func sendmsg(fd int32, m *unix.Msghdr, _ int, _ bool) (int, errno) {
	var bufs [iovecsPerSend][]byte
	iovs := unsafe.Slice(m.Iov, int(m.Iovlen))
	for i := range iovs {
		bufs[i] = unsafe.Slice(iovs[i].Base, int(iovs[i].Len))
	}
	n, err := unix.SendmsgBuffers(int(fd), bufs[:len(iovs)], nil, nil, sendFlags)
	return n, full(fd, errnoOf(err))
}

// recvFrom takes one datagram and who it is from.
func (b *packetBuffers) recvFrom(fd int32, p []byte) (int, errno) {
	n, from, err := unix.Recvfrom(int(fd), p, unix.MSG_DONTWAIT)
	b.from.fill(from)
	return n, errnoOf(err)
}

// sendTo sends one datagram, to b.to if that has a length.
func (b *packetBuffers) sendTo(fd int32, p []byte) errno {
	if b.to.n == 0 {
		return errnoOf(unix.Sendto(int(fd), p, sendFlags, nil))
	}
	return errnoOf(unix.Sendto(int(fd), p, sendFlags, b.name.of(&b.to)))
}

// accept fills sa with the peer's address.
func accept(fd int32, sa *sockaddr) (int32, errno) {
	n, err := acceptLocked(fd, sa)
	if err == nil {
		if err = unix.SetNonblock(n, true); err != nil {
			unix.Close(n)
		}
	}
	if err != nil {
		return -1, errnoOf(err)
	}
	quiet(n)
	return int32(n), 0
}

func acceptLocked(fd int32, sa *sockaddr) (int, error) {
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

func connect(fd int32, sa *sockaddr) errno {
	return errnoOf(unix.Connect(int(fd), new(name).of(sa)))
}

func bind(fd int32, sa *sockaddr) errno {
	return errnoOf(unix.Bind(int(fd), new(name).of(sa)))
}

func getsockname(fd int32, sa *sockaddr) errno {
	from, err := unix.Getsockname(int(fd))
	sa.fill(from)
	return errnoOf(err)
}

func getpeername(fd int32, sa *sockaddr) errno {
	from, err := unix.Getpeername(int(fd))
	sa.fill(from)
	return errnoOf(err)
}

// A name is a sockaddr in the form that x/sys wants, with room for each family.
type name struct {
	in  unix.SockaddrInet4
	in6 unix.SockaddrInet6
	un  unix.SockaddrUnix
}

func (m *name) of(sa *sockaddr) unix.Sockaddr {
	switch sa.raw.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa.raw))
		m.in.Port, m.in.Addr = int(netPort(in.Port)), in.Addr
		return &m.in
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa.raw))
		m.in6.Port, m.in6.Addr, m.in6.ZoneId = int(netPort(in.Port)), in.Addr, in.Scope_id
		return &m.in6
	}
	m.un.Name = sa.addr(nil).Path
	return &m.un
}

// fill is the other way.
func (sa *sockaddr) fill(from unix.Sockaddr) {
	sa.raw, sa.n = unix.RawSockaddrAny{}, 0
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa.raw))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: netPort(uint16(from.Port)), Addr: from.Addr}
		sa.sized(unix.SizeofSockaddrInet4)
	case *unix.SockaddrInet6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&sa.raw))
		*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: netPort(uint16(from.Port)), Addr: from.Addr, Scope_id: from.ZoneId}
		sa.sized(unix.SizeofSockaddrInet6)
	case *unix.SockaddrUnix:
		sa.setUnix(from.Name)
	}
}

func (sa *sockaddr) sized(n int) {
	sa.raw.Addr.Len, sa.n = uint8(n), uint32(n)
}
