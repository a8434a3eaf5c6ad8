package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the hot path. Those that cannot sleep are raw: the Go
// scheduler is not told of them, which saves about a third of the cost of an
// echo, but a thread inside one cannot be stopped for the garbage collector. So
// each is short: what may block, or copies more than RawMost bytes, goes
// through Syscall. To receive datagrams is to copy them and nothing else, at 15 ns a
// KiB, and may be more at once.
//
// Why each raw call cannot sleep:
//
//	recvfrom, sendto,    MSG_DONTWAIT. The lock of a TCP socket (lock_sock) is waited for only
//	sendmsg              while another thread is inside a call on the same socket, and of a
//	                     socket that is ours alone nobody is
//	recvmmsg, sendmmsg,  MSG_DONTWAIT. UDP takes spin locks only, unless it is corked (UDP_CORK),
//	sendto of datagrams  which needs the descriptor
//	recvmsg, ERRQUEUE    takes a message off a list under a spin lock (sock_recv_errqueue)
//	accept4              O_NONBLOCK, which a listener of ours has as long as nobody else has the
//	                     descriptor: the flag is of the open file description, and there is none
//	                     for the call
//	ioctl SIOCOUTQ       reads two counters (tcp_ioctl)
//	epoll_ctl            waits for the mutex of the epoll instance, which nobody else has, and asks
//	                     the socket whether it is ready (tcp_poll), without a lock
//	epoll_pwait, 0 ms    likewise
//	write to the eventfd EFD_NONBLOCK, of a file that nobody else has; a spin lock
//
// What others have too is told to the scheduler: sockets that were adopted or whose
// descriptor was handed out (lent), and everything of an epoll instance that was
// handed out or watches files of others, whose drivers may do anything (FUSE asks a process). So is
// what searches (connect and bind: up to 28,000 ports), what waits for a lock of the
// whole network (groups: rtnl_lock) and what may load a module (socket). Memory is
// waited for wherever the system has none, by calls as by any instruction: that is the
// machine's affair.
const (
	RawMost  = 32 << 10
	RawBatch = 256 << 10
)

// Errno is 0 where the call succeeded; unix.Errno in an interface would
// allocate for some values.
type Errno = unix.Errno

func Recv(fd int32, b []byte, told bool) (int, Errno) {
	p, n := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))
	if told {
		r, _, e := syscall.Syscall6(unix.SYS_RECVFROM, uintptr(fd), p, n, unix.MSG_DONTWAIT, 0, 0)
		return int(r), e
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), p, n, unix.MSG_DONTWAIT, 0, 0)
	return int(r), e
}

// skip drops up to n bytes that have arrived on a TCP socket (tcp(7),
// MSG_TRUNC).
func skip(fd int32, n int) (int, Errno) {
	r, _, e := syscall.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n),
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	return int(r), e
}

// outq is what a TCP socket has sent, or is to send, that is not acknowledged
// (tcp(7), SIOCOUTQ).
func outq(fd int32) int {
	var n int32
	if _, _, e := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&n))); e != 0 {
		return 0
	}
	return int(n)
}

// Send tells the scheduler if told is set, and of what is large.
func Send(fd int32, b []byte, told bool) (int, Errno) {
	p, n := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))
	if told || len(b) > RawMost {
		r, _, e := syscall.Syscall6(unix.SYS_SENDTO, uintptr(fd), p, n, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		return int(r), e
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), p, n, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(r), e
}

// Sendmsg sends what m describes, total bytes of it.
func Sendmsg(fd int32, m *unix.Msghdr, total int, told bool) (int, Errno) {
	const flags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
	if told || total > RawMost {
		r, _, e := syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), flags)
		return int(r), e
	}
	r, _, e := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), flags)
	return int(r), e
}

// Mmsghdr is struct mmsghdr of recvmmsg(2), which x/sys lacks.
type Mmsghdr struct {
	unix.Msghdr
	N uint32 // bytes of this message
}

// Recvmmsg may copy recvBatch of the largest datagrams. Whether it will is not
// known before, but where the last call did, the next is to be told too.
func Recvmmsg(fd int32, ms []Mmsghdr, told bool) (int, Errno) {
	p, n := uintptr(unsafe.Pointer(unsafe.SliceData(ms))), uintptr(len(ms))
	if told {
		r, _, e := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), p, n, unix.MSG_DONTWAIT, 0, 0)
		return int(r), e
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), p, n, unix.MSG_DONTWAIT, 0, 0)
	return int(r), e
}

// Sendto sends the one piece of memory that m describes. The kernel has less to
// copy and to check than for sendmmsg: a datagram alone costs 130 ns less of 3000.
func Sendto(fd int32, m *unix.Msghdr, told bool) Errno {
	const flags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
	if told || m.Iov.Len > RawMost {
		_, _, e := syscall.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(m.Iov.Base)), uintptr(m.Iov.Len),
			flags, uintptr(unsafe.Pointer(m.Name)), uintptr(m.Namelen))
		return e
	}
	_, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(m.Iov.Base)), uintptr(m.Iov.Len),
		flags, uintptr(unsafe.Pointer(m.Name)), uintptr(m.Namelen))
	return e
}

// Sendmmsg sends ms, total bytes in all.
func Sendmmsg(fd int32, ms []Mmsghdr, total int, told bool) (int, Errno) {
	const flags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
	p, n := uintptr(unsafe.Pointer(unsafe.SliceData(ms))), uintptr(len(ms))
	if told || total > RawMost {
		r, _, e := syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), p, n, flags, 0, 0)
		return int(r), e
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), p, n, flags, 0, 0)
	return int(r), e
}

// Recverr takes one message off the error queue of a datagram socket.
func Recverr(fd int32, m *unix.Msghdr) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)),
		unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	return e
}

const AcceptCall = "accept4"

// Accept fills sa with the peer's address.
func Accept(fd int32, sa *Sockaddr) (int32, Errno) {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	r, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)),
		uintptr(unsafe.Pointer(&sa.N)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(r), e
}

// AcceptTold is Accept with a word to the scheduler.
func AcceptTold(fd int32, sa *Sockaddr) (int32, Errno) {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	r, _, e := syscall.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)),
		uintptr(unsafe.Pointer(&sa.N)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(r), e
}

// Spoilt reports whether accept failed for want of a good connection and not of
// anything of the listener (accept(2)): the next may be better.
func Spoilt(e Errno) bool {
	switch e {
	case unix.EINTR, unix.ECONNABORTED, unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN,
		unix.ENONET, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH:
		return true
	}
	return false
}

// NewSocket makes the call itself: that of x/sys is raw, and the first of a family may
// have the kernel load a module (__sock_create in net/socket.c).
func NewSocket(family, kind int) (int, error) {
	fd, _, e := syscall.Syscall(unix.SYS_SOCKET, uintptr(family), uintptr(kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), 0)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

func FamilyOf(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN) }

// Quiet does nothing: it is each send that asks for no SIGPIPE.
func Quiet(fd int) {}

func Connect(fd int32, sa *Sockaddr) Errno {
	_, _, e := syscall.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return e
}

func Bind(fd int32, sa *Sockaddr) Errno {
	_, _, e := syscall.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return e
}

func Getsockname(fd int32, sa *Sockaddr) Errno {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	_, _, e := syscall.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	return e
}

func Getpeername(fd int32, sa *Sockaddr) Errno {
	sa.N = uint32(unsafe.Sizeof(sa.Raw))
	_, _, e := syscall.Syscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	return e
}

func EpollCtl(ep int, op int, fd int32, ev *unix.EpollEvent) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return e
}

// EpollCtlTold is EpollCtl with a word to the scheduler.
func EpollCtlTold(ep int, op int, fd int32, ev *unix.EpollEvent) Errno {
	_, _, e := syscall.Syscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return e
}

// EpollPoll takes what is ready and does not wait.
func EpollPoll(ep int, evs []unix.EpollEvent) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(unsafe.SliceData(evs))), uintptr(len(evs)), 0, 0, 0)
	return int(n), e
}

// EpollWait waits for ever if ms is -1.
func EpollWait(ep int, evs []unix.EpollEvent, ms int) (int, Errno) {
	n, _, e := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(unsafe.SliceData(evs))), uintptr(len(evs)), uintptr(ms), 0, 0)
	return int(n), e
}

// EpollWait2 is epoll_pwait2(2), of Linux 5.11: a timeout in nanoseconds.
func EpollWait2(ep int, evs []unix.EpollEvent, d *unix.Timespec) (int, Errno) {
	n, _, e := syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(ep),
		uintptr(unsafe.Pointer(unsafe.SliceData(evs))), uintptr(len(evs)), uintptr(unsafe.Pointer(d)), 0, 0)
	return int(n), e
}

func WakeEventfd(fd int32) Errno {
	one := uint64(1)
	_, _, e := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 8)
	return e
}
