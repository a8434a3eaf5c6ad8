package iocp

import (
	"os"
	"time"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/bell"
	"example.com/pike/poller/internal/sys"
)

// eventsPerWait bounds a batch; what does not fit stays in the port, in order.
const eventsPerWait = 256

// wakeKey is the completion key of a wake-up. Sockets have no key: an operation tells whose
// it is.
const wakeKey = 1

// A port is a completion port, and the wake-ups in it.
type port struct {
	bell.Bell
	h       windows.Handle
	entries [eventsPerWait]sys.Entry
	n, next uint32 // entries of the last batch, and the first that is not told yet
	seen    uint64
}

func (q *port) open() error {
	h, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return os.NewSyscallError("createiocompletionport", err)
	}
	q.h = h
	q.StartClock() // the performance counter of the system (QueryPerformanceCounter) or its interrupt time
	return nil
}

// Events counts what has completed.
func (q *port) Events() uint64 { return q.seen }

// Wake posts to the port.
func (q *port) Wake() error {
	return q.Ring(func() error {
		return os.NewSyscallError("postqueuedcompletionstatus", windows.PostQueuedCompletionStatus(q.h, 0, wakeKey, nil))
	})
}

// wait takes what has completed, and blocks until deadline only if nothing has.
// What is left of a batch that a handler's panic has cut short comes first: the
// system tells it once.
func (q *port) wait(deadline poller.Time) error {
	if q.next < q.n {
		return nil
	}
	q.n, q.next = 0, 0
	for look := q.Measured(); ; look = false {
		ms, begin := uint32(0), poller.Time(0)
		if deadline > 0 && !look {
			begin = q.Now()
			ms = milliseconds(deadline, begin)
			q.LieDown()
		}
		e := sys.Dequeue(q.h, q.entries[:], &q.n, ms)
		if ms > 0 {
			q.Waited(begin)
		}
		switch {
		case e == 0:
			return nil
		case e != windows.WAIT_TIMEOUT:
			return os.NewSyscallError("getqueuedcompletionstatusex", e)
		}
		q.n = 0
		// A wait may end early, by up to a tick of the system's timer. One of more than 24
		// days ends before its deadline.
		if deadline <= 0 || !look && q.Now() >= deadline {
			return nil
		}
	}
}

// milliseconds is the time from now to deadline, rounded up so as not to be
// early.
func milliseconds(deadline, now poller.Time) uint32 {
	if deadline == poller.Never {
		return windows.INFINITE
	}
	const most = 1<<31 - 1
	left := max(0, deadline.Sub(now))
	return uint32(min((left+time.Millisecond-1)/time.Millisecond, most))
}

func (q *port) close() error {
	if !q.Silence() {
		return os.NewSyscallError("closehandle", windows.ERROR_INVALID_HANDLE)
	}
	err := windows.CloseHandle(q.h)
	q.h = windows.InvalidHandle // Poll fails from here on
	return os.NewSyscallError("closehandle", err)
}
