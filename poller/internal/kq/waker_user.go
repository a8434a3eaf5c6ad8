//go:build (darwin || dragonfly || freebsd || (linux && kqfake)) && !kqpipe

package kq

import (
	"os"

	"golang.org/x/sys/unix"
)

// A Waker makes a kevent return, by an event of the user's own (EVFILT_USER).
type Waker struct{}

// Open registers the waker in a kqueue.
func (*Waker) Open(kq int) error {
	var ev [1]Event
	Set(&ev[0], 0, user, Add|Clear)
	_, e := Wait(kq, ev[:], nil, new(unix.Timespec))
	return wakeError(e)
}

// Wake may be called by any goroutine.
func (*Waker) Wake(kq int) error {
	var ev [1]Event
	Set(&ev[0], 0, user, 0)
	ev[0].Fflags = trigger
	_, e := Wait(kq, ev[:], nil, nil)
	return wakeError(e)
}

// Is reports whether ev is a wake-up.
func (*Waker) Is(ev *Event) bool { return ev.Filter == user }

// Drain makes way for the next wake-up. Here EV_CLEAR has done so.
func (*Waker) Drain() {}

// Close ends the waker. It goes with the kqueue.
func (*Waker) Close() {}

func wakeError(e unix.Errno) error {
	if e != 0 {
		return os.NewSyscallError("kevent", e)
	}
	return nil
}
