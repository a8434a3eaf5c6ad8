//go:build netbsd || openbsd || kqpipe

package kq

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Waker makes a kevent return, by a pipe: golang.org/x/sys has no EVFILT_USER for
// NetBSD and OpenBSD.
type Waker struct {
	r, w int
}

// Open registers the waker in a kqueue.
func (p *Waker) Open(kq int) error {
	var fds [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(fds[:])
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return os.NewSyscallError("pipe", err)
	}
	p.r, p.w = fds[0], fds[1]
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			p.Close()
			return os.NewSyscallError("fcntl", err)
		}
	}
	var ev [1]Event
	Set(&ev[0], p.r, Read, Add)
	if _, e := Wait(kq, ev[:], nil, new(unix.Timespec)); e != 0 {
		p.Close()
		return os.NewSyscallError("kevent", e)
	}
	return nil
}

// Wake may be called by any goroutine.
func (p *Waker) Wake(int) error {
	one := [1]byte{1}
	_, err := unix.Write(p.w, one[:])
	if err == unix.EAGAIN { // full: it is readable
		return nil
	}
	return os.NewSyscallError("write", err)
}

// Is reports whether ev is a wake-up.
func (p *Waker) Is(ev *Event) bool { return int(ev.Ident) == p.r && ev.Filter == Read }

// Drain makes way for the next wake-up.
func (p *Waker) Drain() {
	var b [64]byte
	unix.Read(p.r, b[:]) // what it leaves is an event again
}

// Close ends the waker.
func (p *Waker) Close() {
	Close(p.r)
	Close(p.w)
}
