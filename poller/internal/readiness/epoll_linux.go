//go:build !kqfake

package readiness

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/bell"
	"example.com/pike/poller/internal/sys"
)

// eventsPerWait bounds a batch. Level-triggered epoll rotates its ready list,
// so that what does not fit comes first the next time.
const eventsPerWait = 256

// A queue is an epoll instance, and the eventfd that wakes it. It is
// the part of the readiness core that other systems write anew.
type queue struct {
	bell.Bell
	pace     pace
	ep, efd  int
	coarse   bool // no epoll_pwait2 here
	lent     bool // others have the instance
	foreign  int  // files of others that are in the instance, and one more if others have that
	events   [eventsPerWait]unix.EpollEvent
	timespec unix.Timespec
	unmoved  []unmoved   // see renew
	moveAt   poller.Time // when they are tried again
}

const (
	// Name is what this system's queue is called.
	Name = "epoll"

	armCall     = "epoll_ctl"      // that arm makes
	unwatchable = poller.Events(0) // what there is no event for

	seesErrorQueue = true // a queue of errors (IP_RECVERR) is an event

	// receiving is what an edgeable stream is watched for while it only receives. An
	// urgent byte and the end are in it because of a short read: it is then not sure
	// that nothing is left (tcp(7)).
	receiving = byEdge | marks(poller.Readable|poller.Priority|poller.PeerClosed)

	watchesEdges = true
)

func (q *queue) open() error {
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	ep, err := newEpoll(efd)
	if err != nil {
		unix.Close(efd)
		return err
	}
	q.ep, q.efd = ep, efd
	q.StartClock() // by CLOCK_MONOTONIC, as epoll measures its timeouts
	return nil
}

// newEpoll is an instance that efd wakes.
func newEpoll(efd int) (int, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("epoll_create1", err)
	}
	// Edge-triggered: each write is an event and nothing ever needs to read. The
	// counter would take 2^64 wake-ups to fill (eventfd(2)).
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeSlot}
	if e := sys.EpollCtl(ep, unix.EPOLL_CTL_ADD, int32(efd), &ev); e != 0 {
		unix.Close(ep)
		return -1, os.NewSyscallError("epoll_ctl", e)
	}
	return ep, nil
}

// Fd is the epoll instance: readable when Poll has something to do. Who has it may
// look into it at any moment, under the lock that calls wait for.
func (q *queue) Fd() uintptr {
	if !q.lent {
		q.lent = true
		q.foreign++
	}
	return uintptr(q.ep)
}

// borrow is told of each file of others that is put into the instance (1), and taken
// out (-1).
func (q *queue) borrow(n int) { q.foreign += n }

// Wake writes to the eventfd.
func (q *queue) Wake() error {
	return q.Ring(func() error {
		if e := sys.WakeEventfd(int32(q.efd)); e != 0 && e != unix.EAGAIN {
			return os.NewSyscallError("write", e)
		}
		return nil
	})
}

// wait takes what is ready, and blocks until deadline only if nothing is.
func (q *queue) wait(deadline poller.Time) (n int, err error) {
	var e sys.Errno
	look := q.pace.looks(deadline <= 0 || q.Measured())
	if look {
		if n, e = q.look(); n == 0 {
			q.pace.idle()
		}
	}
	if n == 0 || e == unix.EINTR {
		n, e = q.block(deadline, look)
	}
	q.pace.brought(n)
	if e != 0 && e != unix.EINTR {
		return 0, os.NewSyscallError("epoll_wait", e)
	}
	return max(n, 0), nil
}

// look asks the system without blocking.
func (q *queue) look() (int, sys.Errno) {
	if q.pace.bulky() || q.foreign > 0 {
		return sys.EpollWait(q.ep, q.events[:], 0)
	}
	return sys.EpollPoll(q.ep, q.events[:])
}

// block waits until something is ready or deadline has come. asked says that the system
// was asked already; if not, it is asked at least once.
func (q *queue) block(deadline poller.Time, asked bool) (n int, e sys.Errno) {
	for n == 0 || e == unix.EINTR {
		q.LieDown()
		if deadline == poller.Never {
			n, e = q.waitOn()
			continue
		}
		// The time that is left, afresh: the Go runtime interrupts waits with
		// its preemption signal early and often.
		now := q.Now()
		if deadline <= now {
			if !asked {
				return q.look()
			}
			return 0, 0
		}
		n, e = q.waitFor(deadline.Sub(now))
		asked = e == 0
		q.Waited(now)
	}
	return n, e
}

// waitOn waits without a deadline.
func (q *queue) waitOn() (n int, e sys.Errno) {
	if !q.Measured() {
		return sys.EpollWait(q.ep, q.events[:], -1)
	}
	began := q.Now()
	n, e = sys.EpollWait(q.ep, q.events[:], -1)
	q.Waited(began)
	return n, e
}

func (q *queue) waitFor(d time.Duration) (int, sys.Errno) {
	if !q.coarse {
		q.timespec = unix.NsecToTimespec(int64(d))
		n, e := sys.EpollWait2(q.ep, q.events[:], &q.timespec)
		if e != unix.ENOSYS && e != unix.EPERM { // too old, or refused by a filter of system calls
			return n, e
		}
		q.coarse = true
	}
	// Rounded up, so as not to be early; an int32 of milliseconds is 24 days.
	ms := min((d+time.Millisecond-1)/time.Millisecond, 1<<31-1)
	return sys.EpollWait(q.ep, q.events[:], int(ms))
}

// recv receives by a raw call, unless others have the socket or bulk comes.
func (q *queue) recv(fd int32, b []byte, lent bool) (n int, e sys.Errno) {
	n, e = sys.Recv(fd, b, q.pace.tells() || lent)
	q.pace.received(n)
	return n, e
}

// event is the i-th event of the last wait.
func (q *queue) event(i int) (slot, gen uint32, ev poller.Events) {
	e := &q.events[i]
	return uint32(e.Fd), uint32(e.Pad), poller.Events(e.Events)
}

// arm tells the system what fd is watched for now, and was before. Nothing at
// all means to take it out: epoll reports errors and hang-ups of whatever is
// in, and a peer that hung up would spin the loop.
func (q *queue) arm(fd int32, slot, gen uint32, old, now marks) sys.Errno {
	op := unix.EPOLL_CTL_MOD
	if old == 0 {
		op = unix.EPOLL_CTL_ADD
	} else if now == 0 {
		op = unix.EPOLL_CTL_DEL
	}
	e := q.ctl(op, fd, slot, gen, now)
	if e == unix.ENOENT && q.moving() {
		if e, ok := q.armUnmoved(fd, slot, gen, now); ok {
			return e
		}
	}
	return e
}

func (q *queue) ctl(op int, fd int32, slot, gen uint32, now marks) sys.Errno {
	ev := unix.EpollEvent{Events: uint32(now & events), Fd: int32(slot), Pad: int32(gen)}
	if now&byEdge != 0 {
		ev.Events |= unix.EPOLLET
	}
	if q.foreign > 0 {
		return sys.EpollCtlTold(q.ep, op, fd, &ev)
	}
	return sys.EpollCtl(q.ep, op, fd, &ev)
}

// epoll knows at once what arm tells it, and forgets a descriptor that is closed:
// what other queues put off is done.
func (q *queue) submit() (refused bool) { return false }
func (q *queue) sync(int32) sys.Errno   { return 0 }
func (q *queue) refusal(int) sys.Errno  { return 0 }
func (q *queue) closeFd(fd int32)       { closeUnwatched(fd) }

// closeUnwatched closes a descriptor that is in no queue.
func closeUnwatched(fd int32) { unix.Close(int(fd)) }

// watchable leaves it to arm to refuse.
func (q *queue) watchable(fd int32, slot, gen uint32) sys.Errno { return 0 }

// forget does nothing: the system keeps what a descriptor is watched for.
func (q *queue) forget(int32) {}

func (q *queue) close() error {
	if !q.Silence() {
		return os.NewSyscallError("close", unix.EBADF)
	}
	unix.Close(q.efd)
	err := unix.Close(q.ep)
	q.ep = -1 // Poll fails from here on
	return os.NewSyscallError("close", err)
}

// NewCoarse is New on a system that has no epoll_pwait2 (before Linux 5.11, or under a
// filter of system calls), for tests.
func NewCoarse() (poller.Poller, error) {
	p, err := New()
	if err == nil {
		p.(*readiness).coarse = true
	}
	return p, err
}
