//go:build !kqfake

package readiness

import (
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// An unmoved is a slot whose socket or file a new epoll instance has not taken yet.
type unmoved struct{ slot, gen uint32 }

// An admitter has the system watch fd for now.
type admitter func(fd int32, slot, gen uint32, now marks) sys.Errno

// moveEvery is when the system is asked again to take what it had no room for.
const moveEvery = 10 * time.Millisecond

// renew moves everything into a new epoll instance. It is the only way to be rid of a
// file whose number was closed while the file lives on under another (epoll(7), "Will
// closing a file descriptor cause it to be removed"): nobody can name it any more, and it
// is reported for ever. An instance that others have stays: they watch it.
func (q *queue) renew(p *readiness) (done bool) { return q.renewBy(p, q.admit) }

func (q *queue) renewBy(p *readiness, admit admitter) (done bool) {
	if q.lent || q.Silenced() {
		return false
	}
	ep, err := newEpoll(q.efd)
	if err != nil { // for want of descriptors or memory; the next stray events try again
		return false
	}
	// First of all the old instance goes: what is in it counts for fs.epoll.max_user_watches.
	unix.Close(q.ep)
	q.ep = ep
	q.unmoved = q.unmoved[:0]
	for i := range p.slots.n {
		if s := p.slots.at(i); s.s != nil && s.s.is(watched) {
			q.unmoved = append(q.unmoved, unmoved{i, s.gen})
		}
	}
	q.moveBy(p, admit)
	return true
}

func (q *queue) admit(fd int32, slot, gen uint32, now marks) sys.Errno {
	return q.ctl(unix.EPOLL_CTL_ADD, fd, slot, gen, now)
}

// moving reports whether there is something that the new instance has not taken yet.
func (q *queue) moving() bool { return len(q.unmoved) > 0 }

// move tries again to have it taken, from time to time, and brings the deadline of a
// Poll forward to when it does that next.
func (q *queue) move(p *readiness, deadline poller.Time) poller.Time {
	if q.Now() >= q.moveAt {
		q.moveBy(p, q.admit)
	}
	if q.moving() {
		deadline = min(deadline, q.moveAt)
	}
	return deadline
}

func (q *queue) moveBy(p *readiness, admit admitter) {
	q.unmoved = slices.DeleteFunc(q.unmoved, func(u unmoved) bool { return !q.lacksRoom(p, u, admit) })
	q.moveAt = q.Now().Add(moveEvery)
}

// lacksRoom moves one, and reports whether the system has no memory or no watches left for
// it: that passes. All other refusals are final. They come where a number was closed by
// those it belongs to; a Watch is then lost, and a socket of ours is told.
func (q *queue) lacksRoom(p *readiness, u unmoved, admit admitter) bool {
	s := p.slots.at(u.slot)
	if s.s == nil || s.gen != u.gen || !s.s.is(watched) {
		return false
	}
	var w *watch
	if s.kind() == isWatch {
		w = (*watch)(unsafe.Pointer(s.s))
		if id, e := identify(w.fd); e != 0 || id != w.file {
			w.lose()
			return false
		}
	}
	switch e := admit(s.s.fd, u.slot, u.gen, s.s.marks&watched); {
	case e == 0:
		return false
	case e != unix.EBADF && e != unix.EEXIST && e != unix.EPERM: // ENOSPC, ENOMEM
		return true
	case w != nil:
		w.lose()
	default:
		s.endpoint().refused(s.s.mask(), e)
	}
	return false
}

// armUnmoved is arm of what the instance does not know, and reports false if it should.
func (q *queue) armUnmoved(fd int32, slot, gen uint32, now marks) (e sys.Errno, ok bool) {
	i := slices.Index(q.unmoved, unmoved{slot, gen})
	if i < 0 {
		return 0, false
	}
	if now != 0 {
		e = q.admit(fd, slot, gen, now)
	}
	if e == 0 {
		q.unmoved = slices.Delete(q.unmoved, i, i+1)
	}
	return e, true
}
