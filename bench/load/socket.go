package load

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connectTimeout is long for loopback. With a full backlog the system tries again after one second, and after three.
const connectTimeout = 10 * time.Second

// dial waits for the connection, so that a refusal is an error here and not an event. A close is a reset, because
// 18,000 connections in TIME_WAIT would leave no ports for the next server.
func dial(to netip.AddrPort) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := connect(fd, to); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", to, err)
	}
	return fd, nil
}

func connect(fd int, to netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err != unix.EINPROGRESS && err != unix.EINTR {
		return err
	}
	for deadline := time.Now().Add(connectTimeout); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 100)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n == 1 {
			return socketError(fd)
		}
		if time.Now().After(deadline) {
			return unix.ETIMEDOUT
		}
	}
}

func socketError(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// recv, send and wait are raw calls. There is one goroutine, so the runtime has no other use for its thread while it
// is in a call.
func recv(fd int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM,
		uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	return int(n), errno
}

func send(fd int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO,
		uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// transient tells "not now" from a failure.
func transient(errno unix.Errno) bool {
	return errno == unix.EAGAIN || errno == unix.EINTR
}

// failure is errno as an error, which 0 is not.
func failure(n int, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// notNow is transient for what TLS may be under.
func notNow(err error) bool {
	errno, ok := err.(unix.Errno)
	return ok && transient(errno) || err == errNothing
}

func closeSocket(fd int32) { unix.Close(int(fd)) }

const (
	ctlAdd   = unix.EPOLL_CTL_ADD
	ctlMod   = unix.EPOLL_CTL_MOD
	readable = unix.EPOLLIN
	writable = unix.EPOLLOUT
)

// poll is an epoll whose events carry the index of a connection.
type poll struct {
	fd     int
	events [1024]unix.EpollEvent
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &poll{fd: fd}, nil
}

func (p *poll) set(op int, fd int32, events uint32, index int) error {
	if err := unix.EpollCtl(p.fd, op, int(fd), &unix.EpollEvent{Events: events, Fd: int32(index)}); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (p *poll) wait() ([]unix.EpollEvent, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT,
		uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), 0, 0, 0)
	if errno == unix.EINTR {
		return nil, nil
	}
	if errno != 0 {
		return nil, fmt.Errorf("epoll_wait: %w", errno)
	}
	return p.events[:n], nil
}

func (p *poll) close() { unix.Close(p.fd) }
