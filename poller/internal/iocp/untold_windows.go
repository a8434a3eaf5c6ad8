package iocp

import (
	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// Untold looks at the operations: one that is over has not been told until it is out of
// the port.
func (s *stream) Untold() (n int, ev poller.Events) {
	switch {
	case s.closing:
		return 0, 0
	case s.dialing:
		if s.failing || s.recv.over() {
			return 0, poller.Writable
		}
		return 0, 0
	}
	if s.started && !s.gotEnd {
		n = sys.Arrived(s.h, &s.p.scratch)
		if n > 0 || s.readable || s.recv.over() {
			ev = poller.Readable
		}
	}
	if o := s.out; o != nil && o.busy && (!o.op.out || o.op.over()) {
		ev |= poller.Writable
	}
	return n, ev
}

// over reports whether the system has ended an operation that it was given.
func (o *op) over() bool {
	return o.out && o.Internal != uintptr(windows.STATUS_PENDING)
}

var _ poller.Foreteller = (*stream)(nil)
