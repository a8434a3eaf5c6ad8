package iocp

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sleeper"
	"example.com/pike/poller/internal/sys"
)

// eventsPerWait bounds a batch; what does not fit stays in the port, in order.
const eventsPerWait = 256

// wakeKey is the completion key of a wake-up; sockets have none, since an
// operation tells whose it is.
const wakeKey = 1

// A port is a completion port, the wake-ups in it, and the clock.
type port struct {
	sleeper.Sleeper
	h       windows.Handle
	base    time.Time
	woken   atomic.Bool
	mu      sync.Mutex // of the port's life: Wake is any goroutine's
	closed  bool
	entries [eventsPerWait]sys.Entry
	n, next uint32 // entries of the last batch, and the first that is not told yet
	seen    uint64
	waits   *time.Duration // nil if nobody wants to know
}

func (q *port) open() error {
	h, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return os.NewSyscallError("createiocompletionport", err)
	}
	q.h, q.base = h, time.Now()
	return nil
}

// Now is the clock of package time, which on Windows is the performance counter
// of the system (QueryPerformanceCounter) or its interrupt time.
func (q *port) Now() poller.Time { return poller.Time(time.Since(q.base)) }

// Events counts what has completed.
func (q *port) Events() uint64 { return q.seen }

// MeasureWaits has wait add to d how long it has blocked. It then looks before it does: a
// wait that finds something at once has not waited, however long the call took.
func (q *port) MeasureWaits(d *time.Duration) { q.waits = d }

// Wake posts to the port unless a wake-up is already on its way. Once the poller
// is closed it does nothing: the handle may be somebody else's.
func (q *port) Wake() error {
	if q.woken.Swap(true) {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	return os.NewSyscallError("postqueuedcompletionstatus", windows.PostQueuedCompletionStatus(q.h, 0, wakeKey, nil))
}

// wait takes what has completed, and blocks until deadline only if nothing has.
// What is left of a batch that a handler's panic has cut short comes first: the
// system tells it once.
func (q *port) wait(deadline poller.Time) error {
	if q.next < q.n {
		return nil
	}
	q.n, q.next = 0, 0
	for look := q.waits != nil; ; look = false {
		ms, begin := uint32(0), poller.Time(0)
		if deadline > 0 && !look {
			begin = q.Now()
			ms = milliseconds(deadline, begin)
			q.LieDown()
		}
		e := sys.Dequeue(q.h, q.entries[:], &q.n, ms)
		if q.waits != nil && ms > 0 {
			*q.waits += q.Now().Sub(begin)
		}
		switch {
		case e == 0:
			return nil
		case e != windows.WAIT_TIMEOUT:
			return os.NewSyscallError("getqueuedcompletionstatusex", e)
		}
		q.n = 0
		// A wait may end up to a tick of the system's timer early, and one that is
		// longer than 24 days ends before its deadline.
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
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return os.NewSyscallError("closehandle", windows.ERROR_INVALID_HANDLE)
	}
	q.closed = true
	err := windows.CloseHandle(q.h)
	q.h = windows.InvalidHandle // Poll fails from here on
	return os.NewSyscallError("closehandle", err)
}
