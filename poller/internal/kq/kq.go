//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package kq

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// An Event is struct kevent, whose fields have other types from system to system:
// set it by Set, and compare fields with constants only.
type Event = unix.Kevent_t

// The filters and flags that are used.
const (
	Read      = unix.EVFILT_READ
	Write     = unix.EVFILT_WRITE
	Add       = unix.EV_ADD
	Delete    = unix.EV_DELETE
	Clear     = unix.EV_CLEAR
	EOF       = unix.EV_EOF
	Error     = unix.EV_ERROR
	NoteLowat = unix.NOTE_LOWAT
)

// Open makes a kqueue. A child never inherits one over fork (kqueue(2)), but it
// would inherit the number over exec.
func Open() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Kqueue()
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// Set fills in what every event has.
func Set(e *Event, ident, filter, flags int) { unix.SetKevent(e, ident, filter, flags) }

// Wait is kevent(2); a nil timeout is none.
func Wait(kq int, changes, events []Event, timeout *unix.Timespec) (int, unix.Errno) {
	n, err := unix.Kevent(kq, changes, events, timeout)
	e, _ := err.(unix.Errno)
	return n, e
}

// Close closes any descriptor, and with it what a kqueue watches of it.
func Close(fd int) error { return unix.Close(fd) }
