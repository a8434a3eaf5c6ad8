//go:build linux

package poller

import (
	"net"
	"os"
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
	if e := w.arm(ev); e != 0 { // EEXIST: watched already; EPERM: a file or directory (epoll_ctl(2))
		w.abandon()
		return nil, os.NewSyscallError("epoll_ctl", e)
	}
	return w, nil
}

func (w *watch) Set(ev Events) error {
	if w.closed {
		return net.ErrClosed
	}
	if e := w.arm(ev); e != 0 {
		return os.NewSyscallError("epoll_ctl", e)
	}
	return nil
}

func (w *watch) Close() {
	if !w.closed {
		w.shut(w)
	}
}

func (w *watch) ready(ev Events) {
	// Set may have dropped the interest after the system reported it.
	if ev &= w.mask | Failed | Hangup; ev != 0 && w.mask != 0 {
		w.h.Ready(ev)
	}
}

func (w *watch) end() {
	w.abandon()
	w.h.Closed()
}

func (w *watch) abandon() {
	w.closed, w.mask = true, 0
	w.p.remove(&w.source)
	w.fd = -1
}
