package loop

import (
	"net"

	"example.com/pike/poller"
)

// Events is what a Watch watches for, and reports.
type Events = poller.Events

// The events of package poller, under the names that users of a Loop need.
const (
	Readable   = poller.Readable
	Writable   = poller.Writable
	Priority   = poller.Priority
	Failed     = poller.Failed
	Hangup     = poller.Hangup
	PeerClosed = poller.PeerClosed
)

// A Watch calls back while a descriptor that somebody else owns is ready: level
// triggered, so whoever does not read what is readable is called again. Failed
// and Hangup are reported whether or not they are watched for.
type Watch struct {
	Base
	w  poller.Watch
	fn func(w *Watch, ev Events)

	// OnClose, if set, is called once after Close. The descriptor is still open.
	OnClose func(w *Watch)
}

// Watch starts watching fd, which must stay open, and someone else's, until the
// Watch is closed. A descriptor can be watched once at a time (EEXIST), files
// and directories cannot be (EPERM). Reading from it is the caller's business,
// and should not block.
//
// If its owner closes it too early, the Watch may hear no more of it; Set is then
// EBADF, and whoever gets the number has nothing to fear. Close is still due.
func (l *Loop) Watch(fd uintptr, ev Events, fn func(w *Watch, ev Events)) (*Watch, error) {
	const op = "loop: watch"
	if err := l.checkCaller("loop.Loop.Watch"); err != nil {
		return nil, err
	}
	if fn == nil {
		return nil, invalid(op)
	}
	if l.closed {
		return nil, &misuse{op, net.ErrClosed}
	}
	w := &Watch{fn: fn}
	pw, err := l.poller.Watch(fd, ev, (*watchUpcalls)(w))
	if err != nil {
		return nil, &misuse{op, err}
	}
	w.w = pw
	l.Maker().Attach(w)
	w.setActive(ev != 0)
	return w, nil
}

// Set changes what is watched for; 0 pauses, and the Watch is then not active.
func (w *Watch) Set(ev Events) error {
	if err := w.Loop().checkCaller("loop.Watch.Set"); err != nil {
		return err
	}
	if w.Closing() {
		return errClosedHandle
	}
	if err := w.w.Set(ev); err != nil {
		return &misuse{"loop: watch", err}
	}
	w.setActive(ev != 0)
	return nil
}

// Close stops watching; OnClose follows.
func (w *Watch) Close() error {
	if err := w.Loop().checkCaller("loop.Watch.Close"); err != nil {
		return err
	}
	if !w.Loop().Maker().BeginClose(w) {
		return errClosedHandle
	}
	w.w.Close()
	return nil
}

// watchUpcalls keeps the poller's upcalls out of Watch's own methods.
type watchUpcalls Watch

func (u *watchUpcalls) Ready(ev Events) {
	w := (*Watch)(u)
	w.Loop().Maker().Call(w, func() { w.fn(w, ev) })
}

func (u *watchUpcalls) Closed() { u.Loop().Maker().EndClose((*Watch)(u), u) }

func (u *watchUpcalls) Finished() {
	w := (*Watch)(u)
	if w.OnClose != nil {
		w.Loop().Maker().Call(w, func() { w.OnClose(w) })
	}
}
