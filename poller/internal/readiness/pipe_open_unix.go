//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// A pipeFile is what the descriptor of a pipeEnd is. O_NONBLOCK is of the open file description, which
// other processes may have as their standard input or output. So if it can be had, a description of our
// own is opened.
type pipeFile struct {
	terminal bool
	always   bool // there is no readiness to wait for: /dev/null
	foreign  bool // a driver that may do anything, see queue.borrow
	shared   bool // others may have the open file description
	restore  bool // they had it blocking
}

// unblock makes sure that the call which follows does not wait, although somebody who shares the
// descriptor may have made it blocking: another pipe of ours that was closed, or package os.
func (e *pipeEnd) unblock() {
	if e.shared {
		if was, _ := sys.Unblock(e.fd); was {
			e.restore = true
		}
	}
}

func (p *readiness) OpenPipe(name string, in, out uintptr, h poller.StreamHandler) (poller.Stream, poller.Halves, error) {
	kind, e := kindOfFiles(in, out)
	if e != 0 {
		return nil, 0, os.NewSyscallError("fstat", e)
	}
	if kind == unix.S_IFSOCK { // nothing that a socket can do is to be lost
		s, err := p.AdoptStream(min(in, out), h)
		if err != nil {
			return nil, 0, err
		}
		return s, poller.Reads | poller.Writes, nil
	}
	halves, e := halvesOf(in, out)
	if e != 0 {
		return nil, 0, os.NewSyscallError("fcntl", e)
	}
	s := &pipe{p: p, h: h, name: name}
	s.in.fd, s.in.pipe, s.out.fd, s.out.pipe = -1, s, -1, s
	var err error
	if halves&poller.Reads != 0 {
		err = s.in.open(p, in)
	}
	if err == nil && halves&poller.Writes != 0 {
		err = s.out.open(p, out)
	}
	if err == nil {
		err = s.quicken()
	}
	if err != nil {
		s.closing = true
		for _, e := range [...]*pipeEnd{&s.in, &s.out} {
			if e.there() {
				e.arm(0)
				e.giveBack()
			}
		}
		return nil, 0, err
	}
	s.armIn()
	s.armOut()
	return s, halves, nil
}

// kindOfFiles is the kind of in and out, as that of one file: a socket, or else what can be waited for.
func kindOfFiles(in, out uintptr) (kind uint32, e sys.Errno) {
	var last unix.Stat_t
	for _, fd := range [...]uintptr{in, out} {
		if fd == poller.NoPipe {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(int(fd), &st) != nil {
			return 0, unix.EBADF
		}
		now := uint32(st.Mode) & unix.S_IFMT
		switch {
		case now != unix.S_IFIFO && now != unix.S_IFCHR && now != unix.S_IFSOCK: // always ready: nothing to wait for
			return 0, unix.ENOTSUP
		case kind != 0 && now != kind && (now == unix.S_IFSOCK || kind == unix.S_IFSOCK):
			return 0, unix.EINVAL
		case kind == unix.S_IFSOCK && (st.Dev != last.Dev || st.Ino != last.Ino): // two sockets, and neither is to lose a half
			return 0, unix.EINVAL
		}
		kind, last = now, st
	}
	if kind == 0 {
		return 0, unix.EINVAL
	}
	return kind, 0
}

// halvesOf is what in and out are open for. Of one descriptor that is both it is as much as it is open
// for; else it is an error if it is not open for what is asked.
func halvesOf(in, out uintptr) (h poller.Halves, e sys.Errno) {
	for _, half := range [...]struct {
		fd   uintptr
		mode int
		h    poller.Halves
	}{{in, unix.O_RDONLY, poller.Reads}, {out, unix.O_WRONLY, poller.Writes}} {
		if half.fd == poller.NoPipe {
			continue
		}
		flags, e := sys.FileFlags(half.fd)
		if e != 0 {
			return 0, e
		}
		if mode := flags & unix.O_ACCMODE; mode == half.mode || mode == unix.O_RDWR {
			h |= half.h
		} else if in != out {
			return 0, unix.EBADF
		}
	}
	return h, 0
}

// open gives an end a descriptor of its own, and finds out whether the system watches it.
func (e *pipeEnd) open(p *readiness, fd uintptr) error {
	flags, errno := sys.FileFlags(fd)
	if errno != 0 {
		return os.NewSyscallError("fcntl", errno)
	}
	n, own := int32(-1), false
	if flags&unix.O_NONBLOCK == 0 {
		n, own = sys.Reopen(fd, flags)
	}
	if !own {
		dup, errno := sys.Duplicate(fd)
		if errno != 0 {
			return os.NewSyscallError("fcntl", errno)
		}
		n = int32(dup)
	}
	e.shared, e.terminal = !own, sys.IsTerminal(int(n))
	var st unix.Stat_t
	unix.Fstat(int(n), &st)
	device := uint32(st.Mode)&unix.S_IFMT == unix.S_IFCHR
	e.fd, e.foreign = n, device
	p.add(e, &e.source)
	if device {
		p.queue.borrow(1)
	}
	return e.probe(device && !e.terminal)
}

// probe has the system say at once whether it watches the end. Devices that never block, as /dev/null
// and /dev/zero, have no readiness.
func (e *pipeEnd) probe(maybeAlways bool) error {
	as := inEnds
	if e == &e.pipe.out {
		as = outBreak
	}
	errno := e.p.queue.watchable(e.fd, e.slot, e.p.slots.at(e.slot).gen)
	if errno == 0 {
		errno = e.armAs(as)
	}
	if errno == 0 {
		errno = e.p.queue.sync(e.fd)
	}
	switch {
	case errno == 0:
	case errno == unix.EPIPE && as == outBreak:
		e.refused(poller.Events(as), errno)
	case maybeAlways:
		e.marks &^= watched
		e.always = true
	default:
		return os.NewSyscallError(armCall, errno)
	}
	return nil
}

// quicken makes both ends non-blocking, when all else has succeeded: what fails leaves them as they
// were.
func (s *pipe) quicken() error {
	for _, e := range [...]*pipeEnd{&s.in, &s.out} {
		if !e.there() || !e.shared {
			continue
		}
		was, errno := sys.Unblock(e.fd)
		if errno != 0 {
			return os.NewSyscallError("fcntl", errno)
		}
		e.restore = was
	}
	if s.out.there() {
		sys.QuietPipe(int(s.out.fd))
	}
	return nil
}
