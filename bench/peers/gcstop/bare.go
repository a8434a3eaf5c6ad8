package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/bench/peers/work"
)

// systemCall is unix.RawSyscall6 or unix.Syscall6. Its arguments point into bare, which is a variable of the package, so
// the memory neither moves nor is collected.
type systemCall func(trap, a, b, c, d, e, f uintptr) (uintptr, uintptr, unix.Errno)

var bare struct {
	events [256]unix.EpollEvent
	inbox  [64 << 10]byte
	ends   [1 << 16]end // by descriptor
}

type end struct {
	server bool
	got    int    // of a message, at a client
	unsent []byte // what the system did not take
}

// echoBare is the loop of pike's epoll backend without pike: poll without waiting, receive into one buffer, send at once.
func echoBare(call systemCall, size int) error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	message := work.Pattern(size)
	for range conns {
		client, server, err := pair()
		if err != nil {
			return err
		}
		bare.ends[server].server = true
		for _, fd := range []int{client, server} {
			ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
			if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
				return err
			}
		}
		transmit(call, client, message)
	}
	for {
		n, _, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&bare.events)), uintptr(len(bare.events)), 0, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			return errno
		}
		for i := 0; errno == 0 && i < int(n); i++ {
			if err := receive(call, int(bare.events[i].Fd), message); err != nil {
				return err
			}
		}
		for fd := range bare.ends[:4*conns] { // what is unsent is rare, and waits for the next turn
			if rest := bare.ends[fd].unsent; len(rest) > 0 {
				bare.ends[fd].unsent = nil
				transmit(call, fd, rest)
			}
		}
	}
}

func receive(call systemCall, fd int, message []byte) error {
	n, _, errno := call(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&bare.inbox)), uintptr(len(bare.inbox)), 0, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return nil
	}
	if errno != 0 || n == 0 {
		return fmt.Errorf("recv: %d bytes, %w", n, errno)
	}
	e := &bare.ends[fd]
	if e.server {
		transmit(call, fd, bare.inbox[:n])
		return nil
	}
	if e.got += int(n); e.got == len(message) {
		e.got = 0
		echoed.Add(1)
		transmit(call, fd, message)
	}
	return nil
}

func transmit(call systemCall, fd int, p []byte) {
	n, _, errno := call(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		n = 0
	}
	if int(n) < len(p) {
		e := &bare.ends[fd]
		e.unsent = append(e.unsent, p[n:]...)
	}
}

// pair is the two ends of a TCP connection.
func pair() (client, server int, err error) {
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	defer unix.Close(ln)
	if err := unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, -1, err
	}
	if err := unix.Listen(ln, 1); err != nil {
		return -1, -1, err
	}
	addr, err := unix.Getsockname(ln)
	if err != nil {
		return -1, -1, err
	}
	if client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, -1, err
	}
	if err := unix.Connect(client, addr); err != nil {
		return -1, -1, err
	}
	if server, _, err = unix.Accept4(ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err != nil {
		return -1, -1, err
	}
	for _, fd := range []int{client, server} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return -1, -1, err
		}
	}
	return client, server, unix.SetNonblock(client, true)
}
