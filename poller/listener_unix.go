//go:build linux

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
	return p.addListener(fd, family, a), nil
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
	l.fd, l.family = fd, uint8(family)
	p.add(l, &l.source)
	return l
}

func (l *listener) Start() {
	if l.started || l.closed {
		return
	}
	l.started = true
	if l.err = l.arm(Readable); l.err != 0 {
		l.failing = true
		l.p.failed = append(l.p.failed, l)
	}
}

func (l *listener) Stop() {
	l.started = false
	l.arm(0)
}

func (l *listener) Close() {
	if !l.closed {
		l.shut(l)
	}
}

// Release gives the descriptor back, open, listening and non-blocking.
func (l *listener) Release() (uintptr, error) {
	if l.closed {
		return 0, net.ErrClosed
	}
	fd := l.fd
	l.shut(l)
	l.fd = -1
	return uintptr(fd), nil
}

func (l *listener) ready(Events) {
	for range acceptsPerPoll {
		if !l.started {
			return
		}
		fd, e := accept4(l.fd, &l.p.sa)
		switch e {
		case 0:
			l.accepted(fd)
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED, unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN,
			unix.ENONET, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH:
			// An error of the connection, not of the listener (accept(2)): next.
		default:
			l.Stop()
			l.a.Failed(os.NewSyscallError("accept4", e))
			return
		}
	}
}

func (l *listener) accepted(fd int32) {
	s := new(stream)
	s.fd, s.family = fd, l.family
	s.peer = l.p.peerOf(int(l.family))
	l.p.add(s, &s.source)
	if s.h = l.a.Accepted(s); s.h == nil {
		s.Close()
	}
}

// fail says that Start could not watch.
func (l *listener) fail() {
	l.failing = false
	if l.started {
		l.started = false
		l.a.Failed(os.NewSyscallError("epoll_ctl", l.err))
	}
}

func (l *listener) end() {
	l.release()
	l.a.Closed()
}
