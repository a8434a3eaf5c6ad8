package kqfake

import (
	"time"

	"golang.org/x/sys/unix"
)

// Loopback delivers by a thread of the kernel's.
const (
	short    = 60 * time.Millisecond
	settling = 15 * time.Millisecond
)

// differences of this kernel from FreeBSD 12.1, which are those from itself at another time.
var differences = map[string]string{
	"connect.refused":          "sometimes: the refusal is there before connect returns, which takes the error",
	"connect.refused.SO_ERROR": "sometimes: likewise",
	"tcp.close-3left":          "sometimes: on a slow machine the end is not there yet",
	"timer.40ms":               "sometimes: on a slow machine it has been due twice",
}

// The kernel under the names of the model.
type Event = unix.Kevent_t

const (
	EVFILT_PROC   = unix.EVFILT_PROC
	EVFILT_READ   = unix.EVFILT_READ
	EVFILT_SIGNAL = unix.EVFILT_SIGNAL
	EVFILT_TIMER  = unix.EVFILT_TIMER
	EVFILT_USER   = unix.EVFILT_USER
	EVFILT_VNODE  = unix.EVFILT_VNODE
	EVFILT_WRITE  = unix.EVFILT_WRITE
	EV_ADD        = unix.EV_ADD
	EV_CLEAR      = unix.EV_CLEAR
	EV_DELETE     = unix.EV_DELETE
	EV_DISABLE    = unix.EV_DISABLE
	EV_DISPATCH   = unix.EV_DISPATCH
	EV_ENABLE     = unix.EV_ENABLE
	EV_EOF        = unix.EV_EOF
	EV_ERROR      = unix.EV_ERROR
	EV_ONESHOT    = unix.EV_ONESHOT
	EV_RECEIPT    = unix.EV_RECEIPT
	NOTE_ATTRIB   = unix.NOTE_ATTRIB
	NOTE_DELETE   = unix.NOTE_DELETE
	NOTE_EXIT     = unix.NOTE_EXIT
	NOTE_EXTEND   = unix.NOTE_EXTEND
	NOTE_FFOR     = unix.NOTE_FFOR
	NOTE_LINK     = unix.NOTE_LINK
	NOTE_LOWAT    = unix.NOTE_LOWAT
	NOTE_NSECONDS = unix.NOTE_NSECONDS
	NOTE_RENAME   = unix.NOTE_RENAME
	NOTE_TRIGGER  = unix.NOTE_TRIGGER
	NOTE_WRITE    = unix.NOTE_WRITE
)

func Kqueue() (int, error) { return unix.Kqueue() }

func Kevent(kq int, changes, events []Event, timeout *unix.Timespec) (int, error) {
	return unix.Kevent(kq, changes, events, timeout)
}

func SetKevent(k *Event, ident, filter, flags int) { unix.SetKevent(k, ident, filter, flags) }

func Close(fd int) error { return unix.Close(fd) }
