//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

type listener struct {
	source
	a   Acceptor
	err errno // how Start failed
}

// maxBacklog is cut by the system to net.core.somaxconn (listen(2)).
const maxBacklog = 1<<16 - 1

func (p *readiness) Listen(addr Addr, o *Options, a Acceptor) (Socket, error) {
	if o == nil {
		o = new(Options)
	}
	fd, family, err := socket(addr, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	if err := listen(fd, family, addr, o, &p.sa); err != nil {
		unix.Close(int(fd))
		return nil, err
	}
	l := p.addListener(fd, family, a)
	if family != unix.AF_UNIX {
		l.mark(edged)
	}
	return l, nil
}

func listen(fd int32, family int, addr Addr, o *Options, sa *sockaddr) error {
	if family != unix.AF_UNIX {
		if err := applyShare(fd, family, o, !o.NoReuseAddr); err != nil {
			return err
		}
	}
	if err := applyStream(fd, family, o); err != nil {
		return err
	}
	if err := bindTo(fd, family, addr, sa); err != nil {
		return err
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = maxBacklog
	}
	return os.NewSyscallError("listen", unix.Listen(int(fd), backlog))
}

func (p *readiness) addListener(fd int32, family int, a Acceptor) *listener {
	l := &listener{a: a}
	l.open(fd, family)
	p.add(l, &l.source)
	return l
}

func (l *listener) Start() {
	if l.is(started | closed) {
		return
	}
	l.mark(started)
	if l.err = l.arm(Readable); l.err != 0 {
		l.failLater()
	}
}

func (l *listener) failLater() {
	if !l.is(failing) {
		l.mark(failing)
		l.p.failed.push(l)
	}
}

func (l *listener) refused(lost Events, e errno) {
	l.lose(lost)
	l.err = e
	l.failLater()
}

func (l *listener) Stop() {
	l.unmark(started)
	l.arm(0)
}

func (l *listener) Close() {
	if !l.is(closed) {
		l.shut(l)
	}
}

// Release gives the descriptor back, open, listening and non-blocking.
func (l *listener) Release() (uintptr, error) {
	if l.is(closed) {
		return 0, net.ErrClosed
	}
	return l.give(l), nil
}

func (l *listener) ready(Events) {
	for range acceptsPerPoll {
		if !l.is(started) {
			return
		}
		fd, e := accept(l.fd, &l.p.sa)
		switch {
		case e == 0:
			l.accepted(fd)
		case e == unix.EAGAIN:
			return
		case !spoilt(e):
			l.Stop()
			l.a.Failed(os.NewSyscallError(acceptCall, e))
			return
		}
	}
}

func (l *listener) accepted(fd int32) {
	s := new(stream)
	s.open(fd, l.family())
	s.mark(l.marks & edged)
	s.setPeer(&l.p.sa)
	inherit(fd, l.fd, l.family())
	l.p.add(s, &s.source)
	if s.h = l.a.Accepted(s); s.h == nil {
		s.Close()
	}
	if !s.is(closed) {
		s.h.Connected(nil)
	}
	if s.mask() == 0 && !s.is(started) {
		s.arm(0) // or nobody would tell of a reset, whoever has not started it
	}
}

// fail says that Start could not watch.
func (l *listener) fail() {
	l.unmark(failing)
	if l.is(started) {
		l.unmark(started)
		l.a.Failed(os.NewSyscallError(armCall, l.err))
	}
}

func (l *listener) end() {
	l.release()
	l.a.Closed()
}
