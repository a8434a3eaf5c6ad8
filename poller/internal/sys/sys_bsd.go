//go:build dragonfly || freebsd || netbsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the hot path, by number, so that none of them allocates. They
// are not raw, as on Linux: what that saves here nobody has measured.

const sendFlags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT

// Errno is 0 where the call succeeded.
type Errno = unix.Errno

func Recv(fd int32, b []byte, _ bool) (int, Errno) {
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

func Send(fd int32, b []byte, _ bool) (int, Errno) {
	n, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), sendFlags, 0, 0)
	return int(n), full(fd, e)
}

func Sendmsg(fd int32, m *unix.Msghdr, _ int, _ bool) (int, Errno) {
	n, _, e := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), sendFlags)
	return int(n), full(fd, e)
}

// RecvFrom takes one datagram and who it is from.
func RecvFrom(fd int32, p []byte, from *Sockaddr) (int, Errno) {
	from.N = uint32(unsafe.Sizeof(from.Raw))
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from.Raw)), uintptr(unsafe.Pointer(&from.N)))
	return int(n), e
}

// SendTo sends one datagram, to an address if that has a length.
func SendTo(fd int32, p []byte, to *Sockaddr, _ *Name) Errno {
	var sa unsafe.Pointer
	if to.N > 0 {
		sa = unsafe.Pointer(&to.Raw)
	}
	_, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		sendFlags, uintptr(sa), uintptr(to.N))
	return e
}

// A Name is nothing: a sockaddr is what the system wants.
type Name struct{}

func Connect(fd int32, sa *Sockaddr) Errno {
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return e
}

func Bind(fd int32, sa *Sockaddr) Errno {
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return e
}

func Getsockname(fd int32, sa *Sockaddr) Errno {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	_, _, e := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	return e
}

func Getpeername(fd int32, sa *Sockaddr) Errno {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	_, _, e := unix.Syscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	return e
}
