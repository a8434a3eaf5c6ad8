//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

type listener struct {
	source
	a    poller.Acceptor
	err  sys.Errno       // how Start failed
	lent bool            // others may have the descriptor
	file *sys.SocketFile // to be removed when it ends, or nil
}

// maxBacklog is cut by the system to net.core.somaxconn (listen(2)).
const maxBacklog = 1<<16 - 1

func (p *readiness) Listen(addr poller.Addr, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	if o == nil {
		o = new(poller.Options)
	}
	fd, family, err := socket(addr, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	file, err := p.listen(fd, family, addr, o)
	if err != nil {
		unix.Close(int(fd))
		return nil, err
	}
	l := p.addListener(fd, family, a)
	l.lent = o.Control != nil
	if !o.File.Keep {
		l.file = file
	}
	if family != unix.AF_UNIX {
		l.mark(edgeable)
	}
	return l, nil
}

// listen prepares the socket. What it has made by then is gone after an error.
func (p *readiness) listen(fd int32, family int, addr poller.Addr, o *poller.Options) (file *sys.SocketFile, err error) {
	if family != unix.AF_UNIX {
		if err := sys.ApplyShare(fd, family, o, !o.NoReuseAddr); err != nil {
			return nil, err
		}
	}
	if err := sys.ApplyStream(fd, family, o); err != nil {
		return nil, err
	}
	if err := p.control(fd, o); err != nil {
		return nil, err
	}
	if family == unix.AF_UNIX {
		file, err = sys.BindFile(fd, addr.Path, &o.File, &p.sa)
	} else {
		err = bindTo(fd, family, addr, &p.sa)
	}
	if err != nil {
		return nil, err
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = maxBacklog
	}
	if err := unix.Listen(int(fd), backlog); err != nil {
		if file != nil {
			file.Remove()
		}
		return nil, os.NewSyscallError("listen", err)
	}
	return file, nil
}

func (p *readiness) addListener(fd int32, family int, a poller.Acceptor) *listener {
	l := &listener{a: a}
	l.open(fd, family)
	p.add(l, &l.source)
	return l
}

func (l *listener) Start() {
	if l.is(started | closing) {
		return
	}
	l.mark(started)
	if l.err = l.arm(poller.Readable); l.err != 0 {
		l.failLater()
	}
}

func (l *listener) failLater() {
	if !l.is(failing) {
		l.mark(failing)
		l.p.failed.Push(l)
	}
}

func (l *listener) refused(lost poller.Events, e sys.Errno) {
	l.lose(lost)
	l.err = e
	l.failLater()
}

func (l *listener) Stop() {
	l.unmark(started)
	l.arm(0)
}

func (l *listener) Close() {
	if !l.is(closing) {
		l.removeFile()
		l.shut(l)
	}
}

// removeFile takes the path's file away at once, so that nobody connects any more.
func (l *listener) removeFile() {
	if l.file != nil {
		l.file.Remove()
		l.file = nil
	}
}

// abandon removes the file too, because the process goes on without the poller.
func (l *listener) abandon() {
	l.removeFile()
	l.source.abandon()
}

// Release gives the descriptor back, open, listening and non-blocking. The file stays, because others
// connect to it.
func (l *listener) Release() (uintptr, error) {
	if l.is(closing) {
		return 0, net.ErrClosed
	}
	l.file = nil
	return l.give(l), nil
}

// Duplicate makes another descriptor of the socket, which others may have from here on.
func (l *listener) Duplicate() (uintptr, error) {
	if l.is(closing) {
		return 0, net.ErrClosed
	}
	fd, errno := sys.Duplicate(uintptr(l.fd))
	if errno != 0 {
		return 0, os.NewSyscallError("fcntl", errno)
	}
	l.lent = true
	return fd, nil
}

func (l *listener) ready(poller.Events) {
	for range acceptsPerPoll {
		if !l.is(started) {
			return
		}
		fd, e := l.accept()
		switch {
		case e == 0:
			l.accepted(fd)
		case e == unix.EAGAIN:
			return
		case !sys.Spoilt(e):
			l.Stop()
			l.a.Failed(os.NewSyscallError(sys.AcceptCall, e))
			return
		}
	}
}

// accept takes one connection. The call has no flag by which it does not wait. It waits
// unless the listener has O_NONBLOCK, which belongs to the open file description and so to
// all who have the listener; os.File.Fd clears it (exec.Cmd.ExtraFiles calls that). So for a
// listener that others may have accept first sees that a connection waits, sets the flag
// again if need be, and tells the scheduler of the call. One case is left: between these
// calls somebody clears the flag and somebody takes that connection. Then the loop waits for
// the next connection. The system gives no means against that.
func (l *listener) accept() (int32, sys.Errno) {
	if !l.lent {
		return sys.Accept(l.fd, &l.p.sa)
	}
	if !acceptable(l.fd) {
		return -1, unix.EAGAIN
	}
	sys.Unblock(l.fd) // somebody may have made it blocking
	return sys.AcceptTold(l.fd, &l.p.sa)
}

// acceptable reports whether accept would have something to say.
func acceptable(fd int32) bool {
	fds := [...]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// Fd is for what pike does not know of. Others may have the listener from here on.
func (l *listener) Fd() uintptr {
	l.lent = true
	return l.source.Fd()
}

// SetOption notes a time to linger, which connections inherit.
func (l *listener) SetOption(o poller.Option, v int) error {
	l.lent = l.lent || o == poller.Linger
	return l.source.SetOption(o, v)
}

func (l *listener) accepted(fd int32) {
	if l.lent && l.is(edgeable) { // others are looked after by their own Close
		sys.Unlinger(fd)
	}
	s := new(stream)
	s.open(fd, l.family())
	s.mark(l.marks & edgeable)
	s.setPeer(&l.p.sa)
	sys.Inherit(fd, l.fd, l.family())
	l.p.add(s, &s.source)
	h := l.a.Accepted(s)
	if l.p.left == s { // it is not ours to touch any more
		l.p.left = nil
		return
	}
	if s.h = h; h == nil {
		s.Close()
	}
	if !s.is(closing) {
		s.h.Connected(nil)
	}
	if !s.is(watched | started) {
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
