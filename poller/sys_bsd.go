//go:build dragonfly || freebsd || netbsd

package poller

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the hot path, by number, so that none of them allocates. They
// are not raw, as on Linux: what that saves here nobody has measured.

const sendFlags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT

// errno is 0 where the call succeeded.
type errno = unix.Errno

func recv(fd int32, b []byte, _ bool) (int, errno) {
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

func send(fd int32, b []byte, _ bool) (int, errno) {
	n, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), sendFlags, 0, 0)
	return int(n), full(fd, e)
}

func sendmsg(fd int32, m *unix.Msghdr, _ int, _ bool) (int, errno) {
	n, _, e := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), sendFlags)
	return int(n), full(fd, e)
}

// recvFrom takes one datagram and who it is from.
func (b *packetBuffers) recvFrom(fd int32, p []byte) (int, errno) {
	b.from.n = uint32(unsafe.Sizeof(b.from.raw))
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&b.from.raw)), uintptr(unsafe.Pointer(&b.from.n)))
	return int(n), e
}

// sendTo sends one datagram, to b.to if that has a length.
func (b *packetBuffers) sendTo(fd int32, p []byte) errno {
	var to unsafe.Pointer
	if b.to.n > 0 {
		to = unsafe.Pointer(&b.to.raw)
	}
	_, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		sendFlags, uintptr(to), uintptr(b.to.n))
	return e
}

// A name is nothing: a sockaddr is what the system wants.
type name struct{}

func connect(fd int32, sa *sockaddr) errno {
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.n))
	return e
}

func bind(fd int32, sa *sockaddr) errno {
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.n))
	return e
}

func getsockname(fd int32, sa *sockaddr) errno {
	sa.n = uint32(unsafe.Sizeof(sa.raw))
	_, _, e := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.n)))
	return e
}

func getpeername(fd int32, sa *sockaddr) errno {
	sa.n = uint32(unsafe.Sizeof(sa.raw))
	_, _, e := unix.Syscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.n)))
	return e
}
