//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && kqfake)

package readiness

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/kq"
	"example.com/pike/poller/internal/sys"
)

// A note is what a descriptor is to be watched for, and what the system watches it for by
// all that we have told it.
type note struct {
	slot, gen  uint32 // whose it is
	want, have uint8  // bits
	stale      uint8  // what the system may still watch for one who had it before
	dirty      bool   // is in queue.dirty
	used       bool   // it is watched, perhaps for what has no bit
	socket     bool   // it is a socket; or else a pipe, a terminal or the like
}

const (
	readBit  uint8 = 1 << iota // EVFILT_READ
	endBit                     // EVFILT_READ, but only for the end
	writeBit                   // EVFILT_WRITE
	onceBit                    // endBit, but each end is told once (EV_CLEAR)
	breakBit                   // EVFILT_WRITE, but each event is told once (EV_CLEAR): for its end
)

// filterBits are the bits of a filter.
func filterBits(read bool) uint8 {
	if read {
		return readBit | endBit | onceBit
	}
	return writeBit | breakBit
}

// bitsOf are the bits for what is watched for. There are none for errors and ends alone, which
// come with either filter.
func bitsOf(m marks) (b uint8) {
	ev := poller.Events(m & events)
	switch {
	case ev&poller.Readable != 0:
		b = readBit
	case m&watched == outBreak:
		return breakBit
	case m&byEdge != 0: // losing, ending: not the same, so that the one after the other tells again
		b = onceBit
		if ev&poller.PeerClosed != 0 {
			b |= endBit
		}
	case ev&poller.PeerClosed != 0:
		b = endBit
	}
	if ev&poller.Writable != 0 {
		b |= writeBit
	}
	return b
}

// eventsOf says what an event of a filter means. EV_EOF comes while there are
// bytes still: who reads finds the end behind them. fflags is the error of the
// socket, if it has one.
func (n *note) eventsOf(read, eof bool, fflags uint32) (ev poller.Events) {
	ev = poller.Writable
	if read {
		ev = poller.Readable
	}
	switch {
	case !eof:
		return ev
	case !n.socket && read: // the writers of a pipe have gone
		return ev | poller.Hangup
	case !n.socket: // its readers have
		return ev | poller.Failed
	case read:
		ev |= poller.PeerClosed
	default: // our own end is shut, or both are
		ev |= poller.Hangup
	}
	if fflags != 0 {
		ev |= poller.Failed
	}
	return ev
}

// note finds the note of a descriptor.
func (q *queue) note(fd int32) *note {
	if n := int(fd) + 1 - len(q.notes); n > 0 {
		q.notes = append(q.notes, make([]note, n)...)
	}
	return &q.notes[fd]
}

// own gives the note to another. If the system still watches something for the one before,
// the next diff has it watched anew or forgotten.
func (n *note) own(slot, gen uint32, socket bool) {
	*n = note{slot: slot, gen: gen, stale: n.stale | n.have, dirty: n.dirty, socket: socket}
}

// arm notes what fd is watched for from now on, and was before. The system is told
// by the next wait, submit or sync.
func (q *queue) arm(fd int32, slot, gen uint32, old, now marks) sys.Errno {
	if fd < 0 {
		return unix.EBADF
	}
	n := q.note(fd)
	if n.slot != slot || n.gen != gen {
		if old != 0 {
			return 0 // it lost the descriptor, closed by its owner, to another
		}
		n.own(slot, gen, true)
	}
	n.want, n.used = bitsOf(now), now != 0
	if !n.dirty {
		n.dirty = true
		q.dirty = append(q.dirty, fd)
	}
	return 0
}

// watchable looks at a descriptor that is somebody else's before it is armed, and
// refuses what epoll refuses: EEXIST, EPERM, EBADF.
func (q *queue) watchable(fd int32, slot, gen uint32) sys.Errno {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return unix.EBADF
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return unix.EPERM // always ready: nothing to wait for
	}
	n := q.note(fd)
	if n.used {
		return unix.EEXIST
	}
	n.own(slot, gen, st.Mode&unix.S_IFMT == unix.S_IFSOCK)
	return 0
}

// closeFd closes a descriptor, and the system forgets what it was watched for, also
// if there is a duplicate.
func (q *queue) closeFd(fd int32) {
	q.forget(fd)
	closeUnwatched(fd)
}

// closeUnwatched closes a descriptor that is in no queue.
func closeUnwatched(fd int32) { kq.Close(int(fd)) }

// forget is when a number turns out to be another file's. The file before was closed, so the
// system has forgotten what that was watched for.
func (q *queue) forget(fd int32) {
	if int(fd) < len(q.notes) {
		q.notes[fd] = note{dirty: q.notes[fd].dirty}
	}
}

// renew does nothing: translate deletes what is nobody's when it comes for the first time.
func (q *queue) renew(*readiness) bool { return true }

func (q *queue) moving() bool                                        { return false }
func (q *queue) move(_ *readiness, deadline poller.Time) poller.Time { return deadline }

// collect turns notes that have changed into changes.
func (q *queue) collect() {
	for _, fd := range q.dirty {
		q.notes[fd].dirty = false
		q.diff(fd)
	}
	q.dirty = q.dirty[:0]
}

// diff appends what makes the system watch fd for what is wanted.
func (q *queue) diff(fd int32) {
	n := &q.notes[fd]
	for _, read := range [...]bool{true, false} {
		bits := filterBits(read)
		want, have := n.want&bits, n.have&bits
		switch {
		case want != 0 && want != have:
			if (want|have)&(onceBit|breakBit) != 0 && have|n.stale&bits != 0 {
				// EV_CLEAR is looked at when a note is made, and not again
				// (kqueue_register in kern/kern_event.c).
				q.change(fd, read, kq.Delete)
			}
			q.change(fd, read, kq.Add)
		case want == 0 && (have|n.stale&bits) != 0:
			q.change(fd, read, kq.Delete)
		}
	}
	n.have, n.stale = n.want, 0
}

func (q *queue) change(fd int32, read bool, flags int) {
	var ev kq.Event
	filter := kq.Write
	if read {
		filter = kq.Read
	}
	want := q.notes[fd].want
	if flags == kq.Add && want&filterBits(read)&(onceBit|breakBit) != 0 {
		flags |= kq.Clear
	}
	kq.Set(&ev, int(fd), filter, flags)
	if read && flags&kq.Add != 0 && want&(endBit|onceBit) != 0 {
		// More bytes than there can be: only the end is an event.
		ev.Fflags, ev.Data = kq.NoteLowat, 1<<31-1
	}
	q.changes = append(q.changes, ev)
}

// refuse takes the error of a change. Deleting what is gone already fails with ENOENT. That
// harms nobody, and adding never fails with it.
func (q *queue) refuse(fd int32, read bool, e sys.Errno) (r report, lost bool) {
	n, bits := q.note(fd), filterBits(read)
	if n.want&bits == 0 || e == 0 || e == unix.ENOENT {
		return report{}, false
	}
	n.want &^= bits
	n.have &^= bits
	r = report{slot: n.slot, gen: n.gen, events: poller.Writable, err: e}
	if read {
		r.events = poller.Readable | poller.PeerClosed
	}
	return r, true
}

// submit tells the system what has changed without a wait, and reports whether it
// has refused something since the last one.
func (q *queue) submit() (refused bool) {
	q.collect()
	if len(q.changes) > 0 && !q.Silenced() {
		q.apply(q.changes)
		q.changes = q.changes[:0]
	}
	return len(q.refusals) > 0
}

// sync tells the system what has changed of fd, and returns its refusal.
func (q *queue) sync(fd int32) sys.Errno {
	if q.Silenced() || fd < 0 || int(fd) >= len(q.notes) {
		return 0
	}
	q.submit()
	n, others := &q.notes[fd], q.refusals[:0]
	var e sys.Errno
	for _, r := range q.refusals {
		if r.slot == n.slot && r.gen == n.gen {
			e = r.err
		} else {
			others = append(others, r)
		}
	}
	q.refusals = others
	return e
}

// apply makes changes at once. A call without room for events has no room for errors either:
// the first error ends it, and the changes behind are not made. So then apply makes each
// change by itself. To make one twice does no harm.
func (q *queue) apply(changes []kq.Event) {
	var now unix.Timespec
	if _, e := kq.Wait(q.kq, changes, nil, &now); e == 0 {
		return
	}
	for i := range changes {
		_, e := kq.Wait(q.kq, changes[i:i+1], nil, &now)
		if e == 0 || changes[i].Flags&kq.Add == 0 {
			continue
		}
		if r, lost := q.refuse(int32(changes[i].Ident), changes[i].Filter == kq.Read, e); lost {
			q.refusals = append(q.refusals, r)
		}
	}
}
