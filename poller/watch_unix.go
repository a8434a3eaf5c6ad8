//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A watch borrows its descriptor: it is never closed here.
type watch struct {
	source
	h WatchHandler
}

func (p *readiness) Watch(fd uintptr, ev Events, h WatchHandler) (Watch, error) {
	w := &watch{h: h}
	w.fd = int32(fd)
	p.add(w, &w.source)
	if e := w.armNow(ev); e != 0 { // EEXIST: watched already; EPERM: a file or directory (epoll_ctl(2))
		w.abandon()
		return nil, watchError(e)
	}
	return w, nil
}

func (w *watch) Set(ev Events) error {
	if w.is(closed) {
		return net.ErrClosed
	}
	if e := w.armNow(ev); e != 0 {
		return watchError(e)
	}
	return nil
}

func watchError(e errno) error {
	return os.NewSyscallError(armCall, e)
}

// armNow has the system answer at once. Somebody else owns the descriptor, and may
// close it as soon as it is not watched.
func (w *watch) armNow(mask Events) errno {
	if mask&unwatchable != 0 {
		return unix.EOPNOTSUPP
	}
	if mask&Hangup != 0 { // told in any case, as Failed is; receiving has a use for it
		mask = mask&^Hangup | Failed
	}
	old := w.mask()
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
	default:
		w.arm(old)
		w.p.queue.sync(w.fd)
	}
	return e
}

func (w *watch) Close() {
	if !w.is(closed) {
		w.shut(w)
		w.p.queue.sync(w.fd)
	}
}

func (w *watch) refused(lost Events, _ errno) { w.failLater() }

func (w *watch) failLater() {
	if !w.is(failing) {
		w.mark(failing)
		w.p.failed.push(w)
	}
}

func (w *watch) fail() {
	w.unmark(failing)
	w.ready(Failed)
}

func (w *watch) ready(ev Events) {
	// Set may have dropped the interest after the system reported it.
	if ev &= w.mask() | Failed | Hangup; ev != 0 && w.mask() != 0 {
		w.h.Ready(ev)
	}
}

func (w *watch) end() {
	w.abandon()
	w.h.Closed()
}

func (w *watch) abandon() {
	w.marks = w.marks&^watched | closed
	w.p.remove(&w.source)
	w.fd = -1
}
