//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A pipe is a stream over what is no socket: a pipe, a FIFO, a terminal. It is a type of its own
// and not a kind of stream, so that sockets pay nothing for it. Each side has a descriptor, so that
// closing the one that is written ends that side.
//
// It is watched by level, and a short read says nothing: a pipe may hold packets (O_DIRECT), and a
// terminal lines.
type pipe struct {
	in, out pipeEnd
	p       *readiness
	h       poller.StreamHandler
	send    *sending // nil with no Send in flight and nothing to tell
	name    string
	ends    int // that are in the closing queue

	started  bool
	awaited  bool // WatchEnd was called
	gotEnd   bool // EOF or an error was received
	broken   bool // nobody reads out any more
	toldLoss bool
	shutting bool // Shutdown was called
	closing  bool
	queued   bool // is in readiness.failed
}

// A pipeEnd is one side. Its source comes first, because a slot points at it.
type pipeEnd struct {
	source
	pipe *pipe
	pipeFile
}

// What an end is watched for that neither receives nor sends, by edges so that each comes once.
const (
	inEnds   = byEdge                        // the writers of in have gone
	outBreak = byEdge | marks(poller.Failed) // the readers of out have
)

func (e *pipeEnd) there() bool { return e.fd >= 0 }

// watch arms an end for mask, or as now says.
func (e *pipeEnd) watch(now marks) {
	if e.always || !e.there() || e.is(closing) {
		return
	}
	if errno := e.armAs(now); errno != 0 {
		e.refused(poller.Events(now), errno)
	}
}

func (s *pipe) armIn() {
	switch {
	case s.gotEnd || s.closing:
		s.in.watch(0)
	case s.started:
		s.in.watch(marks(poller.Readable))
	case s.awaited:
		s.in.watch(inEnds)
	default:
		s.in.watch(0)
	}
}

func (s *pipe) armOut() {
	switch {
	case s.busy():
		s.out.watch(marks(poller.Writable))
	case s.broken || s.closing:
		s.out.watch(0)
	default:
		s.out.watch(outBreak)
	}
}

func (s *pipe) Start() {
	if s.started || s.gotEnd || s.closing || !s.in.there() {
		return
	}
	s.started, s.awaited = true, false
	if s.in.always {
		s.tellLater()
		return
	}
	s.armIn()
}

func (s *pipe) Stop() {
	s.started, s.awaited = false, false
	s.armIn()
}

// WatchEnd has EOF told too while s is stopped.
func (s *pipe) WatchEnd() {
	if s.started || s.gotEnd || s.closing || !s.in.there() {
		return
	}
	s.awaited = true
	s.armIn()
}

// SetHandler changes the owner, who is told what comes from here on.
func (s *pipe) SetHandler(h poller.StreamHandler) { s.h = h }

// Peer is the name of the file: nobody knows who is at the other side.
func (s *pipe) Peer() poller.Addr { return poller.Addr{Path: s.name} }

func (s *pipe) Addr() poller.Addr { return poller.Addr{} }

// Unacked is nothing: what is in a pipe stays there when its writer closes it.
func (s *pipe) Unacked() int { return 0 }

func (s *pipe) SetOption(poller.Option, int) error {
	if s.closing {
		return net.ErrClosed
	}
	return os.NewSyscallError("setsockopt", unix.ENOTSUP)
}

func (s *pipe) Option(poller.Option) (int, error) {
	if s.closing {
		return 0, net.ErrClosed
	}
	return 0, os.NewSyscallError("getsockopt", unix.ENOTSUP)
}

func (s *pipe) Close() {
	if s.closing {
		return
	}
	s.closing, s.started = true, false
	s.in.drop()
	s.out.drop()
	if s.ends == 0 { // all are closed already
		s.ends++
		s.p.closing.Push(&s.out)
	}
}

// Reset is Close: there is nothing that would take back what is in a pipe.
func (s *pipe) Reset() { s.Close() }

// Shutdown closes out when all is sent.
func (s *pipe) Shutdown() {
	if s.closing || s.shutting {
		return
	}
	s.shutting = true
	if !s.busy() {
		s.out.drop()
	}
}

// drop has an end closed after the batch.
func (e *pipeEnd) drop() {
	if e.there() && !e.is(closing) {
		e.pipe.ends++
		e.shut(e)
	}
}

func (e *pipeEnd) ready(ev poller.Events) {
	s := e.pipe
	switch {
	case s.closing || e.is(closing): // by another of the batch
	case e == &s.in:
		s.readable(ev)
	default:
		s.writable(ev)
	}
}

// readable receives, and goes on after a short read where the writers have gone: the end is behind
// what they have left.
func (s *pipe) readable(ev poller.Events) {
	const over = poller.Hangup | poller.Failed
	if !s.started {
		if s.awaited && ev&over != 0 && sys.Arrived(s.in.fd) == 0 {
			s.finish(io.EOF)
		}
		return
	}
	for range recvsPerPoll {
		if !s.started {
			return
		}
		s.in.unblock()
		buf := s.p.buf
		n, e := sys.Read(s.in.fd, buf)
		switch {
		case e == unix.EINTR:
			continue
		case e == unix.EAGAIN:
			if s.in.always { // a device that can be waited for, but not by this queue
				s.finish(os.NewSyscallError("read", unix.ENOTSUP))
			}
			return
		case e == unix.EIO && ev&over != 0 && s.in.terminal:
			s.finish(io.EOF) // so Linux ends a terminal whose other side has gone
			return
		case e != 0:
			s.finish(os.NewSyscallError("read", e))
			return
		case n == 0:
			s.finish(io.EOF)
			return
		}
		s.h.Received(buf[:n], nil)
		lent.Overwrite(buf[:n])
		if s.in.shared || n < len(buf) && ev&over == 0 {
			return
		}
	}
}

// finish ends the receiving side. If out is broken by then, that is the loss of the connection.
func (s *pipe) finish(err error) {
	s.gotEnd, s.started = true, false
	if err != io.EOF {
		s.toldLoss = true
	}
	s.armIn()
	if s.broken {
		s.tellLater()
	}
	s.h.Received(nil, err)
}

// writable sends before it looks for the loss: Send tells that too.
func (s *pipe) writable(ev poller.Events) {
	const over = poller.Hangup | poller.Failed
	if s.busy() {
		s.proceed()
		return
	}
	if ev&over != 0 {
		s.breaks()
	}
}

// breaks is when nobody reads out any more.
func (s *pipe) breaks() {
	s.broken = true
	s.armOut()
	s.tellLoss()
}

// tellLoss tells that nobody reads out any more, when nothing that arrived is before it.
func (s *pipe) tellLoss() {
	if s.broken && !s.toldLoss && !s.closing && (!s.in.there() || s.gotEnd) {
		s.toldLoss = true
		s.h.Received(nil, os.NewSyscallError("write", unix.EPIPE))
	}
}

// refused is the system's refusal to watch an end. Some BSDs answer so where nobody reads a pipe
// any more.
func (e *pipeEnd) refused(lost poller.Events, errno sys.Errno) {
	s := e.pipe
	e.lose(lost)
	switch {
	case e == &s.in:
		s.pending().recvErr = errno
	case errno == unix.EPIPE:
		if s.broken = true; s.busy() {
			s.send.err = errno
		}
	case s.busy():
		s.send.err = errno
	}
	s.tellLater()
}

// tellLater has fail called by Poll.
func (s *pipe) tellLater() {
	if !s.queued {
		s.queued = true
		s.p.failed.Push(s)
	}
}

// fail tells one thing that the system does not tell of, and asks for another call if there may be
// more: a handler may panic.
func (s *pipe) fail() {
	if s.queued = false; s.closing {
		return
	}
	o := s.send
	switch {
	case o != nil && o.recvErr != 0:
		e := o.recvErr
		o.recvErr = 0
		s.tellLater()
		if s.tidy(); s.started {
			s.finish(os.NewSyscallError(armCall, e))
		}
	case s.busy() && o.err != 0:
		s.tellLater()
		s.sent(o.err)
	case s.started && s.in.always:
		s.tellLater()
		s.readable(poller.Readable)
	default:
		s.tellLoss()
	}
}

// end closes an end, and ends the pipe with the last.
func (e *pipeEnd) end() {
	s := e.pipe
	s.ends--
	if e.there() {
		e.giveBack()
	}
	if s.closing && s.ends == 0 {
		s.ended()
	}
}

func (s *pipe) ended() {
	busy := s.busy()
	if s.send != nil {
		s.putOut()
	}
	if busy {
		s.h.Sent(net.ErrClosed)
	}
	s.h.Closed()
}

// abandon is for a poller that closes.
func (e *pipeEnd) abandon() {
	e.pipe.closing, e.pipe.started = true, false
	e.marks = e.marks&^watched | closing
	e.giveBack()
}

// giveBack closes the descriptor. What was made non-blocking for us is blocking again.
func (e *pipeEnd) giveBack() {
	if e.restore {
		sys.Block(e.fd)
	}
	if e.foreign {
		e.p.queue.borrow(-1)
	}
	e.release()
}

// Untold asks the system, by a call that does not wait.
func (s *pipe) Untold() (n int, ev poller.Events) {
	if s.closing {
		return 0, 0
	}
	o := s.send
	if s.started && (o != nil && o.recvErr != 0 || s.in.always || s.in.has(unix.POLLIN)) {
		ev, n = poller.Readable, sys.Arrived(s.in.fd)
	}
	if s.busy() && (o.err != 0 || s.out.has(unix.POLLOUT)) {
		ev |= poller.Writable
	}
	return n, ev
}

// has reports whether what is so, or the other side has gone.
func (e *pipeEnd) has(what int16) bool {
	fds := [1]unix.PollFd{{Fd: e.fd, Events: what}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0
}

var (
	_ poller.Stream     = (*pipe)(nil)
	_ poller.EndWatcher = (*pipe)(nil)
	_ poller.Acker      = (*pipe)(nil)
	_ poller.Foreteller = (*pipe)(nil)
	_ poller.PipeOpener = (*readiness)(nil)
)
