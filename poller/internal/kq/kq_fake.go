//go:build linux && kqfake

package kq

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller/internal/kqfake"
)

// An Event is struct kevent of the model.
type Event = kqfake.Event

// The filters and flags that are used.
const (
	Read      = kqfake.EVFILT_READ
	Write     = kqfake.EVFILT_WRITE
	Add       = kqfake.EV_ADD
	Delete    = kqfake.EV_DELETE
	Clear     = kqfake.EV_CLEAR
	EOF       = kqfake.EV_EOF
	Error     = kqfake.EV_ERROR
	NoteLowat = kqfake.NOTE_LOWAT
)

// Open makes a kqueue.
func Open() (int, error) { return kqfake.Kqueue() }

// Set fills in what every event has.
func Set(e *Event, ident, filter, flags int) { kqfake.SetKevent(e, ident, filter, flags) }

// Wait is kevent(2); a nil timeout is none.
func Wait(kq int, changes, events []Event, timeout *unix.Timespec) (int, unix.Errno) {
	n, err := kqfake.Kevent(kq, changes, events, timeout)
	e, _ := err.(unix.Errno)
	return n, e
}

// Close closes any descriptor, and with it what a kqueue watches of it.
func Close(fd int) error { return kqfake.Close(fd) }
