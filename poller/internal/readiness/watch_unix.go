//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A watch borrows its descriptor: it is never closed here. Its owner should keep it open
// until Close. If the owner closes it too early, the system gives the number to the next
// file. So a watch makes sure whose the number is before it has the system do anything. A
// watch whose descriptor is gone is lost, and tells nothing more.
type watch struct {
	source
	h    poller.WatchHandler
	file fileID
	lost bool
}

// A fileID tells one file from another, but not always: on Linux all files without a place
// in a file system, eventfds for example, have the same one, and on FreeBSD all sockets.
type fileID struct{ device, inode uint64 }

func identify(fd int32) (fileID, sys.Errno) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return fileID{}, unix.EBADF
	}
	return fileID{uint64(st.Dev), uint64(st.Ino)}, 0
}

func (p *readiness) Watch(fd uintptr, ev poller.Events, h poller.WatchHandler) (poller.Watch, error) {
	id, e := identify(int32(fd))
	if e != 0 {
		return nil, watchError(e)
	}
	w := &watch{h: h, file: id}
	w.fd = int32(fd)
	if before := p.watches[w.fd]; len(before) > 0 && before[0].file != id {
		p.taken(w.fd)
	}
	w.p, w.slot = p, p.slots.add(w, &w.source)
	p.queue.borrow(1)
	if e := w.armNow(ev); e != 0 { // EEXIST: watched already; EPERM: a file or directory (epoll_ctl(2))
		w.abandon()
		return nil, watchError(e)
	}
	for _, before := range p.watches[w.fd] {
		if before.mask() != 0 && ev != 0 { // or this would have been EEXIST
			before.drift()
		}
	}
	if p.watches == nil {
		p.watches = make(map[int32][]*watch)
	}
	p.watches[w.fd] = append(p.watches[w.fd], w)
	return w, nil
}

// taken is when a descriptor turns out to be a new file. All watches of that number are lost.
func (p *readiness) taken(fd int32) {
	if ws := p.watches[fd]; len(ws) > 0 {
		for _, w := range ws {
			w.drift()
		}
		delete(p.watches, fd)
		p.queue.forget(fd)
	}
}

// lose is when the descriptor of w turns out to be another file's.
func (w *watch) lose() {
	if slices.Contains(w.p.watches[w.fd], w) {
		w.p.taken(w.fd)
	}
	w.drift()
}

func (w *watch) drift() {
	w.lost, w.p.adrift = true, true
	w.marks &^= watched
}

func (w *watch) Set(ev poller.Events) error {
	if w.is(closing) {
		return net.ErrClosed
	}
	if e := w.armNow(ev); e != 0 {
		return watchError(e)
	}
	return nil
}

func watchError(e sys.Errno) error {
	return os.NewSyscallError(armCall, e)
}

// armNow has the system answer at once. Somebody else owns the descriptor, and may
// close it as soon as it is not watched.
func (w *watch) armNow(mask poller.Events) sys.Errno {
	if mask&unwatchable != 0 {
		return unix.EOPNOTSUPP
	}
	if mask&poller.Hangup != 0 { // told in any case, as Failed is, and its bit is byEdge's
		mask = mask&^poller.Hangup | poller.Failed
	}
	old := w.mask()
	if (mask&^old != 0 || mask != 0 && w.p.moving()) && !w.lost {
		if id, e := identify(w.fd); e != 0 || id != w.file {
			w.lose()
		}
	}
	if w.lost {
		return unix.EBADF
	}
	if old == 0 && mask != 0 {
		if e := w.p.queue.watchable(w.fd, w.slot, w.p.slots.at(w.slot).gen); e != 0 {
			return e
		}
	}
	e := w.arm(mask)
	if e == 0 {
		e = w.p.queue.sync(w.fd)
	}
	switch e {
	case 0:
	case unix.EPIPE: // a pipe that nobody reads any more, on some BSDs: it is watched, and has failed
		w.failLater()
		return 0
	case unix.EBADF, unix.ENOENT: // the number is nobody's, or that of a file which is not watched
		w.lose()
		return unix.EBADF
	default:
		w.arm(old)
		w.p.queue.sync(w.fd)
	}
	return e
}

func (w *watch) Close() {
	if w.is(closing) {
		return
	}
	if !w.lost && w.arm(0) != 0 {
		w.lose()
	}
	w.shut(w)
	if !w.lost {
		w.p.queue.sync(w.fd)
	}
}

func (w *watch) refused(lost poller.Events, _ sys.Errno) { w.failLater() }

func (w *watch) failLater() {
	if !w.is(failing) {
		w.mark(failing)
		w.p.failed.Push(w)
	}
}

func (w *watch) fail() {
	w.unmark(failing)
	w.ready(poller.Failed)
}

func (w *watch) ready(ev poller.Events) {
	switch {
	case w.lost: // but the file lives on under another number, and is watched still
		w.p.stray = true
	case w.is(closing):
	default:
		// Set may have dropped the interest after the system reported it.
		if ev &= w.mask() | poller.Failed | poller.Hangup; ev != 0 && w.mask() != 0 {
			w.h.Ready(ev)
		}
	}
}

func (w *watch) end() {
	w.abandon()
	w.h.Closed()
}

func (w *watch) abandon() {
	if ws := w.p.watches[w.fd]; slices.Contains(ws, w) {
		if ws = slices.DeleteFunc(ws, func(o *watch) bool { return o == w }); len(ws) == 0 {
			delete(w.p.watches, w.fd)
		} else {
			w.p.watches[w.fd] = ws
		}
	}
	w.marks = w.marks&^watched | closing
	w.p.remove(&w.source)
	w.p.queue.borrow(-1)
	w.fd = -1
}
