//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A source is what every endpoint has: a descriptor, its slot, and what it is
// watched for. It is packed to keep an idle connection small. So port and scope are here,
// where a word has room for them, although they are of a stream's peer.
type source struct {
	p     *readiness
	fd    int32
	slot  uint32
	marks marks
	port  uint16 // in network order
	scope uint32
}

// marks are what a socket is watched for, in the bits that Events has for it, and
// between those what it is and what has become of it.
type marks uint16

const (
	events  = marks(poller.Readable | poller.Priority | poller.Writable | poller.Failed | poller.PeerClosed)
	watched = events | byEdge // what the system knows of it; nothing of these: it is not watched at all

	// byEdge has the system tell of each event once. Its bit is that of Hangup, which the
	// system tells in any case, so that nothing need be watched for it. byEdge alone is
	// how a stream waits for just that.
	byEdge = marks(poller.Hangup)

	// endAwaited is on a stream for which WatchEnd was called. Its bit is that of Failed,
	// which the system tells in any case, too.
	endAwaited = marks(poller.Failed)

	started     marks = 0x20
	closing     marks = 0x40   // Close was called, or the poller is closed
	failing     marks = 0x80   // is in failed
	gotEnd      marks = 0x100  // EOF or an error was received
	dialing     marks = 0x200  // connect has not ended
	reset       marks = 0x400  // Close drops what is unsent; or the peer did
	shutting    marks = 0x800  // Shutdown was called; it waits for the dial and the Send in flight
	familyMarks marks = 0x5000 // hold one of the families below
	edgeable    marks = 0x8000 // a stream that may receive by edges; see stream.arm
)

// The families, as familyMarks hold them.
const (
	isIPv6        marks = 0      // AF_INET6
	isIPv4        marks = 0x1000 // AF_INET
	isLocal       marks = 0x4000 // AF_UNIX
	isLocalTaking marks = 0x5000 // AF_UNIX of a stream that takes files; see stream.TakeFiles
)

func (s *source) is(m marks) bool { return s.marks&m != 0 }
func (s *source) mark(m marks)    { s.marks |= m }
func (s *source) unmark(m marks)  { s.marks &^= m }

// mask is what s is watched for.
func (s *source) mask() poller.Events { return poller.Events(s.marks & events) }

// open makes s the owner of a descriptor.
func (s *source) open(fd int32, family int) {
	s.fd = fd
	switch family {
	case unix.AF_INET:
		s.mark(isIPv4)
	case unix.AF_UNIX:
		s.mark(isLocal)
	default:
		s.mark(isIPv6)
	}
}

func (s *source) local() bool { return s.is(isLocal) }

func (s *source) family() int {
	switch s.marks & familyMarks {
	case isIPv4:
		return unix.AF_INET
	case isLocal, isLocalTaking:
		return unix.AF_UNIX
	}
	return unix.AF_INET6
}

// arm changes what s is watched for, by level.
func (s *source) arm(mask poller.Events) sys.Errno { return s.armAs(marks(mask) & events) }

// armAs changes what s is watched for, and how. An error is the system's refusal, which
// for a socket of ours means that it has no memory or watches left
// (fs.epoll.max_user_watches).
func (s *source) armAs(now marks) sys.Errno {
	old := s.marks & watched
	if now == old {
		return 0
	}
	e := s.p.queue.arm(s.fd, s.slot, s.p.slots.at(s.slot).gen, old, now)
	if e == 0 {
		s.marks = s.marks&^watched | now
	}
	return e
}

// rearm has the system say again that s is ready, if it is.
func (s *source) rearm() sys.Errno {
	now := s.marks & watched
	return s.p.queue.arm(s.fd, s.slot, s.p.slots.at(s.slot).gen, now, now)
}

// lose takes out of the mask what the system would not watch for.
func (s *source) lose(lost poller.Events) { s.marks &^= marks(lost) & events }

// harmless reports whether s may stay watched although nobody wants its events. By edges
// each event comes once, and if the slot is another's by then, its generation tells. But a
// duplicate of the descriptor would keep s watched for ever, so there must be none: see
// stream.Fd.
func (s *source) harmless() bool {
	return watchesEdges && s.is(byEdge) && s.is(edgeable)
}

// shut stops the events of s and queues it to end after the batch. Where they are harmless it
// makes no system call for that: closing the only descriptor stops them too.
func (s *source) shut(e endpoint) {
	s.mark(closing)
	s.unmark(started)
	if !s.harmless() {
		s.arm(0)
	}
	s.p.closing.Push(e)
}

// abandon is the end of a socket whose poller is closed: whoever has it still may
// call it, to no effect.
func (s *source) abandon() {
	s.marks = s.marks&^(started|watched) | closing
	s.release()
}

// release closes the descriptor.
func (s *source) release() {
	s.p.remove(s)
	if s.fd >= 0 {
		s.p.queue.closeFd(s.fd)
		s.fd = -1
	}
}

// give takes s out of the poller with its descriptor open.
func (s *source) give(e endpoint) uintptr {
	fd := s.fd
	s.arm(0)
	s.shut(e)
	s.p.queue.sync(fd)
	s.fd = -1
	return uintptr(fd)
}

func (s *source) SetOption(o poller.Option, v int) error {
	if s.is(closing) {
		return net.ErrClosed
	}
	return sys.SetOption(s.fd, s.family(), o, v)
}

func (s *source) Option(o poller.Option) (int, error) {
	if s.is(closing) {
		return 0, net.ErrClosed
	}
	return sys.GetOption(s.fd, s.family(), o)
}

// Fd is the descriptor, or ^0 when it is closed.
func (s *source) Fd() uintptr {
	if s.fd < 0 {
		return ^uintptr(0)
	}
	return uintptr(s.fd)
}

func (s *source) Addr() poller.Addr {
	if s.fd < 0 || sys.Getsockname(s.fd, &s.p.sa) != 0 {
		return poller.Addr{}
	}
	return s.p.sa.Addr(&s.p.zones)
}
