//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && kqfake)

package readiness

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/bell"
	"example.com/pike/poller/internal/kq"
	"example.com/pike/poller/internal/sys"
)

const (
	// eventsPerWait bounds a batch. Level-triggered kqueue moves what it reports
	// to the end of its list, so that what does not fit comes first the next time.
	eventsPerWait = 256

	// longestWait keeps timeouts below what a system takes: OpenBSD and DragonFly
	// refuse more than 100,000,000 s (itimerfix in sys/kern/kern_time.c).
	longestWait = 24 * time.Hour
)

const (
	// Name is what this system's queue is called.
	Name = "kqueue"

	armCall = "kevent" // that arm leads to

	// unwatchable is what there is no event for: FreeBSD and NetBSD have none that
	// distinguishes out-of-band data from other data.
	unwatchable = poller.Priority

	seesErrorQueue = false // no BSD has one

	// receiving is what a stream is watched for while it only receives. What has byEdge is
	// one note with EV_CLEAR.
	receiving    = marks(poller.Readable)
	watchesEdges = false
)

// A queue is a kqueue, and what wakes it.
//
// Changes are noted, and the next kevent makes all of them. So a socket that stops and
// starts within a batch costs nothing. An event names a descriptor, and notes says which
// socket that is. Udata is not used: it is a Go pointer on some systems and a number on
// others, and every later change would overwrite it.
type queue struct {
	bell.Bell
	kq       int
	waker    kq.Waker
	notes    []note  // by descriptor
	dirty    []int32 // descriptors whose note the system does not know
	changes  []kq.Event
	events   [eventsPerWait]kq.Event
	reports  []report // of the last wait, what events say
	refusals []report // from between two waits
	timespec unix.Timespec
}

// A report is an event for a socket. Which one is looked up as soon as kevent
// returns: later in the batch the descriptor may be another's.
type report struct {
	slot, gen uint32
	events    poller.Events
	err       sys.Errno // not 0: events are what the system would not watch for
}

func (q *queue) open() error {
	fd, err := kq.Open()
	if err != nil {
		return os.NewSyscallError("kqueue", err)
	}
	q.kq = fd
	q.StartClock() // the monotonic one, by which kevent measures its timeout too
	if err := q.waker.Open(fd); err != nil {
		kq.Close(fd)
		return err
	}
	return nil
}

// Fd is the kqueue: readable when Poll has something to do, as long as Pending
// has told it what to watch.
func (q *queue) Fd() uintptr { return uintptr(q.kq) }

// Wake triggers the waker.
func (q *queue) Wake() error {
	return q.Ring(func() error { return q.waker.Wake(q.kq) })
}

// borrow does nothing: every call is told to the scheduler here.
func (q *queue) borrow(int) {}

func (q *queue) recv(fd int32, b []byte, lent bool) (int, sys.Errno) { return sys.Recv(fd, b, lent) }

// wait tells the system what has changed, takes what is ready, and blocks until
// deadline if nothing is.
func (q *queue) wait(deadline poller.Time) (int, error) {
	q.collect()
	if len(q.changes) > len(q.events) { // an error without room would drop the rest
		q.submit()
	}
	q.reports = append(q.reports[:0], q.refusals...)
	q.refusals = q.refusals[:0]
	if len(q.reports) > 0 {
		deadline = 0
	}
	for look := q.Measured(); ; look = false {
		now, until := q.Now(), deadline
		if look {
			until = 0
		}
		if until > now {
			q.LieDown()
		}
		n, e := q.kevent(now, until)
		if until > now {
			q.Waited(now)
		}
		if e != 0 && e != unix.EINTR {
			return 0, os.NewSyscallError("kevent", e)
		}
		for i := range max(n, 0) {
			q.translate(&q.events[i])
		}
		// Without a report go on with the time that is left: the Go runtime
		// interrupts waits with its preemption signal early and often, and errors
		// of changes come alone, be they of no interest.
		if len(q.reports) > 0 || deadline != poller.Never && deadline <= q.Now() {
			return len(q.reports), nil
		}
	}
}

// kevent makes the system call. The changes are made also when the wait is
// interrupted (kevent(2), EINTR).
func (q *queue) kevent(now, deadline poller.Time) (int, sys.Errno) {
	var timeout *unix.Timespec
	if deadline != poller.Never {
		var d time.Duration
		if deadline > now { // or the difference may be too large
			d = min(deadline.Sub(now), longestWait)
		}
		q.timespec = unix.NsecToTimespec(int64(d))
		timeout = &q.timespec
	}
	n, e := kq.Wait(q.kq, q.changes, q.events[:], timeout)
	q.changes = q.changes[:0]
	return n, e
}

// translate appends what an event says to the reports.
func (q *queue) translate(ev *kq.Event) {
	if q.waker.Is(ev) {
		q.waker.Drain()
		q.reports = append(q.reports, report{slot: wakeSlot})
		return
	}
	fd, read := int32(ev.Ident), ev.Filter == kq.Read
	if ev.Flags&kq.Error != 0 {
		if r, lost := q.refuse(fd, read, sys.Errno(ev.Data)); lost {
			q.reports = append(q.reports, r)
		}
		return
	}
	n := q.note(fd)
	if n.have&filterBits(read) == 0 {
		// Nobody's: whoever it was has lost the descriptor. It must not come again.
		q.change(fd, read, kq.Delete)
		return
	}
	q.reports = append(q.reports, report{slot: n.slot, gen: n.gen, events: n.eventsOf(read, ev.Flags&kq.EOF != 0, ev.Fflags)})
}

// event is the i-th report of the last wait.
func (q *queue) event(i int) (slot, gen uint32, ev poller.Events) {
	r := &q.reports[i]
	return r.slot, r.gen, r.events
}

// refusal is why the system would not watch for the events of the i-th report.
func (q *queue) refusal(i int) sys.Errno { return q.reports[i].err }

func (q *queue) close() error {
	if !q.Silence() {
		return os.NewSyscallError("close", unix.EBADF)
	}
	q.waker.Close()
	err := kq.Close(q.kq)
	q.kq = -1 // Poll fails from here on
	return os.NewSyscallError("close", err)
}
