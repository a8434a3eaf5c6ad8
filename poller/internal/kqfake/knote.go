//go:build linux

package kqfake

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type key struct {
	ident  uint64
	filter int16
}

type knote struct {
	key
	flags            uint16 // EV_ONESHOT, EV_CLEAR, EV_DISPATCH: as of the first EV_ADD
	disabled, active bool
	queued           bool
	sfflags          uint32 // what the caller asked for
	sdata            int64
	udata            *byte
	ino              uint64 // READ, WRITE: which open file the number named
	kind             uint32 // S_IFSOCK, S_IFIFO, ...
	connected        bool   // a socket that has ever been connected
	fflags           uint32 // what is reported
	data             int64
	eof              bool
	due, period      time.Duration // TIMER
	hits             int64         // TIMER, SIGNAL
	triggered        bool          // USER
	stop             func()
}

// ofFile reports whether the knote is of a descriptor.
func (id key) ofFile() bool { return id.filter == EVFILT_READ || id.filter == EVFILT_WRITE }

func (k *kqueue) epollOf(filter int16) int { return k.ep[EVFILT_READ-filter] }

// inode tells open files apart that have had one number after the other.
func inode(fd int) (ino uint64, kind uint32, err error) {
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return st.Ino, st.Mode & unix.S_IFMT, err
}

// gone reports whether the descriptor was closed, and perhaps its number used again.
func (n *knote) gone() bool {
	if !n.ofFile() {
		return false
	}
	ino, _, err := inode(int(n.ident))
	return err != nil || ino != n.ino
}

func (k *kqueue) drop(n *knote) {
	delete(k.notes, n.key)
	if n.queued {
		k.dequeue(n)
	}
	if n.stop != nil {
		n.stop()
	}
	if n.filter == EVFILT_TIMER {
		k.timers--
	}
	if n.ofFile() && !n.gone() {
		unix.EpollCtl(k.epollOf(n.filter), unix.EPOLL_CTL_DEL, int(n.ident), nil)
	}
}

func (k *kqueue) dequeue(n *knote) {
	for i, m := range k.queue {
		if m == n {
			k.queue = append(k.queue[:i:i], k.queue[i+1:]...)
			break
		}
	}
	n.queued = false
}

func (k *kqueue) activate(n *knote) {
	n.active = true
	if !n.disabled && !n.queued {
		n.queued = true
		k.queue = append(k.queue, n)
		k.ring()
	}
}

// register makes one change.
func (k *kqueue) register(c *Event) unix.Errno {
	id := key{c.Ident, c.Filter}
	var ino uint64
	var kind uint32
	switch {
	case id.ofFile():
		var err error
		if ino, kind, err = inode(int(c.Ident)); err != nil {
			return unix.EBADF
		}
	case c.Filter != EVFILT_USER && c.Filter != EVFILT_TIMER && c.Filter != EVFILT_SIGNAL:
		return unix.EINVAL
	}
	n := k.notes[id]
	if n != nil && n.gone() {
		k.drop(n)
		n = nil
	}
	if n == nil && c.Flags&EV_ADD == 0 {
		return unix.ENOENT
	}
	if c.Flags&EV_DELETE != 0 && n != nil {
		k.drop(n)
		return 0
	}
	if c.Filter == EVFILT_TIMER && c.Flags&EV_ADD != 0 && c.Data < 0 {
		return unix.EINVAL
	}
	if n == nil {
		n = &knote{key: id, flags: c.Flags & (EV_ONESHOT | EV_CLEAR | EV_DISPATCH | EV_RECEIPT), ino: ino, kind: kind}
		if e := k.attach(n); e != 0 {
			return e
		}
		k.notes[id] = n
	}
	// EV_CLEAR and the like are looked at once; udata, fflags and data with every
	// change, be it only EV_ENABLE or NOTE_TRIGGER.
	n.udata, n.sfflags, n.sdata = c.Udata, c.Fflags, c.Data
	switch {
	case c.Filter == EVFILT_TIMER && c.Flags&EV_ADD != 0:
		k.setTimer(n)
	case c.Filter == EVFILT_USER:
		n.touch(c)
	}
	switch {
	case c.Flags&EV_ENABLE != 0:
		n.disabled = false
	case c.Flags&EV_DISABLE != 0:
		n.disabled = true
		if n.queued {
			k.dequeue(n)
		}
	}
	if !n.disabled && n.eval() {
		k.activate(n)
	}
	return 0
}

// attach prepares a new knote, as the f_attach of its filter does.
func (k *kqueue) attach(n *knote) unix.Errno {
	switch n.filter {
	case EVFILT_SIGNAL:
		n.flags |= EV_CLEAR
		k.attachSignal(n)
		return 0
	case EVFILT_TIMER:
		n.flags |= EV_CLEAR
		k.timers++
		return 0
	case EVFILT_USER:
		return 0
	}
	fd := int(n.ident)
	ev := unix.EpollEvent{Events: unix.EPOLLET | unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
	if n.filter == EVFILT_WRITE {
		if n.kind == unix.S_IFIFO && polled(fd)&unix.POLLERR != 0 {
			return unix.EPIPE // its readers have gone (pipe_kqfilter in sys/kern/sys_pipe.c)
		}
		ev.Events = unix.EPOLLET | unix.EPOLLOUT
	}
	ep := k.epollOf(n.filter)
	err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &ev)
	if err == unix.EEXIST { // a duplicate of a number that was closed keeps the old entry alive
		err = unix.EpollCtl(ep, unix.EPOLL_CTL_MOD, fd, &ev)
	}
	if err != nil && err != unix.EPERM { // EPERM: a plain file
		return err.(unix.Errno)
	}
	return 0
}

func (k *kqueue) attachSignal(n *knote) {
	ch := make(chan os.Signal, 64)
	signal.Notify(ch, syscall.Signal(n.ident))
	go func() {
		for range ch {
			k.mu.Lock()
			n.hits++
			k.activate(n)
			k.mu.Unlock()
		}
	}()
	n.stop = func() { signal.Stop(ch); close(ch) }
}

func (k *kqueue) setTimer(n *knote) {
	unit := time.Millisecond
	switch n.sfflags {
	case NOTE_SECONDS:
		unit = time.Second
	case NOTE_USECONDS:
		unit = time.Microsecond
	case NOTE_NSECONDS:
		unit = time.Nanosecond
	}
	n.period = max(time.Duration(n.sdata)*unit, 1)
	n.due, n.hits, n.active = time.Since(epoch)+n.period, 0, false
	if n.queued {
		k.dequeue(n)
	}
	if k.waiters > 0 { // somebody sleeps for too long
		k.ring()
	}
}

// touch is what a change does to a user's event.
func (n *knote) touch(c *Event) {
	if c.Flags&EV_ADD != 0 {
		n.fflags = 0
	}
	v := c.Fflags & NOTE_FFLAGSMASK
	switch c.Fflags & NOTE_FFCTRLMASK {
	case NOTE_FFAND:
		n.fflags &= v
	case NOTE_FFOR:
		n.fflags |= v
	case NOTE_FFCOPY:
		n.fflags = v
	}
	if c.Fflags&NOTE_TRIGGER != 0 {
		n.triggered = true
	}
}

// event is what a scan reports.
func (n *knote) event() Event {
	e := Event{Ident: n.ident, Filter: n.filter, Flags: n.flags, Fflags: n.fflags, Data: n.data, Udata: n.udata}
	if n.eof {
		e.Flags |= EV_EOF
	}
	return e
}

// reported is what a report does to a knote with EV_CLEAR or EV_DISPATCH.
func (n *knote) reported() {
	n.active = false
	if n.flags&EV_CLEAR != 0 {
		n.hits, n.triggered = 0, false
		n.fflags, n.data = 0, 0
	}
	if n.flags&EV_DISPATCH != 0 {
		n.disabled = true
	}
}
