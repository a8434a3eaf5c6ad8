package iocp

import (
	"io"
	"net"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// A pipe is a connection over a named pipe. It receives as a stream does: a read of no bytes
// completes when there is something. Its sides end together, with the handle: a pipe has no
// half-close. What was written stays for the peer when the handle is closed.
type pipe struct {
	source
	recv     op // of no bytes
	handler  poller.StreamHandler
	out      *sending  // nil with no Send in flight and nothing to tell
	in       *pipeRead // a read of bytes that the system has; nil for nearly always
	path     string
	recvErr  uint32 // how recv ended, or could not begin; or how the dial did
	server   bool
	readable bool // recv has completed, and what it announced is not taken yet
	fresh    bool // and nothing of that was looked at
	gotEnd   bool // EOF or an error was received
	dialing  bool
	reset    bool // Close drops the connection; or the peer did
	awaits   bool // WatchEnd was called
}

// A pipeRead is a read of bytes that are there. It completes at once. Should it not, the
// system keeps it and its buffer, and the poller takes another.
type pipeRead struct {
	op
	buf []byte
	n   uint32
}

func (p *iocp) takePipeRead() *pipeRead {
	if r := p.pipeRead; r != nil {
		p.pipeRead = nil
		return r
	}
	return &pipeRead{buf: make([]byte, recvBufferSize)}
}

func (p *iocp) putPipeRead(r *pipeRead) {
	r.owner = nil
	p.pipeRead = r
}

func (s *pipe) result(o *op) sys.Errno { return sys.PipeResult(o.system()) }

func (s *pipe) Start() {
	if s.started || s.gotEnd || s.closing {
		return
	}
	s.started, s.awaits = true, false
	s.await()
}

// WatchEnd has EOF told too while s is stopped.
func (s *pipe) WatchEnd() {
	if !s.started && !s.gotEnd && !s.closing {
		s.awaits = true
		s.await()
	}
}

// await has what there is told, or else what comes.
func (s *pipe) await() {
	if s.readable || s.in != nil && !s.in.out {
		s.later(s)
	} else {
		s.arm()
	}
}

// arm begins the read that tells when there is something; of a stream that is stopped too, for
// the loss of its connection.
func (s *pipe) arm() {
	if s.recv.out || s.in != nil || s.readable || s.gotEnd || s.closing || s.dialing {
		return
	}
	s.prepare(&s.recv, s)
	e := sys.ReadFile(s.h, nil, &s.p.scratch.N, s.recv.system())
	if s.began(&s.recv, e) {
		return
	}
	s.p.seen++
	s.announced(e)
	s.later(s)
}

// announced is that recv is over.
func (s *pipe) announced(e sys.Errno) {
	s.recvErr, s.readable, s.fresh = uint32(e), true, true
}

// SetHandler changes the owner, who is told what comes from here on.
func (s *pipe) SetHandler(h poller.StreamHandler) { s.handler = h }

func (s *pipe) Stop() { s.started, s.awaits = false, false }

func (s *pipe) Close() {
	if !s.closing {
		s.shut(s)
	}
}

// Reset drops what a server has sent and the client has not read, and the client is told. A
// client has no call for that: its server sees an end.
func (s *pipe) Reset() {
	if !s.closing {
		s.reset = true
		s.Close()
	}
}

// Shutdown does nothing: see Indivisible.
func (s *pipe) Shutdown() {}

// Indivisible says that the sides of a pipe end together.
func (s *pipe) Indivisible() {}

// Unacked is 0: what the system has taken is with the peer's system, as both are one.
func (s *pipe) Unacked() int { return 0 }

// Addr is the name of the pipe for its server, and nothing for its client, which has none.
func (s *pipe) Addr() poller.Addr {
	if !s.server || s.h == windows.InvalidHandle {
		return poller.Addr{}
	}
	return poller.Addr{Path: s.path}
}

// Peer is the name of the pipe for its client, and nothing for its server.
func (s *pipe) Peer() poller.Addr {
	if s.server {
		return poller.Addr{}
	}
	return poller.Addr{Path: s.path}
}

func (s *pipe) SetOption(poller.Option, int) error { return s.noOption() }

func (s *pipe) Option(poller.Option) (int, error) { return 0, s.noOption() }

func (s *pipe) completed(o *op, n int, e sys.Errno) {
	switch {
	case o == &s.recv:
		s.announced(e)
		s.receive()
	case s.in != nil && o == &s.in.op:
		s.received(n, e)
	default:
		s.wrote(n, e)
	}
}

// proceed receives before it sends: what arrived before an end comes first.
func (s *pipe) proceed() {
	if s.readable || !s.recv.out && !s.dialing { // or a panic has cut short what was before arm
		s.receive()
	}
	if !s.closing && s.out != nil && s.out.busy && !s.out.op.out && !s.failing && !s.dialing {
		s.goOn()
	}
}

// receive takes what has been announced.
func (s *pipe) receive() {
	for range recvsPerPoll {
		switch {
		case s.gotEnd, s.closing:
			return
		case s.in != nil:
			if !s.in.out {
				s.late()
			}
			return
		}
		n, e := sys.PipeArrived(s.h, &s.p.scratch)
		fresh := s.fresh
		s.fresh = false
		switch {
		case e != 0:
			s.ends(e)
			return
		case n == 0 && s.recvErr != 0:
			s.ends(sys.Errno(s.recvErr))
			return
		case n == 0 && !fresh:
			s.readable = false
			s.arm()
			return
		case !s.started: // what is there waits for Start
			return
		case n == 0:
			// Somebody has written nothing. A read of no bytes may complete for that again and
			// again, and one of bytes takes it away.
			n = recvBufferSize
		}
		r := s.p.takePipeRead()
		s.prepare(&r.op, s)
		e = sys.ReadFile(s.h, r.buf[:min(n, len(r.buf))], &r.n, r.op.system())
		if s.began(&r.op, e) {
			s.in, s.readable = r, false
			return
		}
		if e != 0 {
			s.p.putPipeRead(r)
			s.ends(e)
			return
		}
		s.readable = n > len(r.buf) // before the upcall, which may stop and start
		if s.deliver(r, int(r.n)); s.closing {
			return
		}
		if !s.readable {
			s.arm()
			return
		}
	}
	s.later(s)
}

// deliver hands over what was read. After a panic of the handler r is garbage.
func (s *pipe) deliver(r *pipeRead, n int) {
	if n > 0 {
		s.handler.Received(r.buf[:n], nil)
		lent.Overwrite(r.buf[:n])
	}
	s.p.putPipeRead(r)
}

// received is the completion of a read of bytes that was not over at once. If s was stopped
// meanwhile the bytes wait in r, and Start has them delivered.
func (s *pipe) received(n int, e sys.Errno) {
	r := s.in
	if e != 0 {
		s.in = nil
		s.p.putPipeRead(r)
		s.ends(e)
		return
	}
	r.n = uint32(n)
	s.late()
}

// late delivers what such a read has brought.
func (s *pipe) late() {
	if !s.started {
		return
	}
	r := s.in
	s.in = nil
	if s.deliver(r, int(r.n)); !s.closing {
		s.arm()
	}
}

// ends is the end of the receiving side. An end that is in order waits for Start.
func (s *pipe) ends(e sys.Errno) {
	if e != windows.ERROR_BROKEN_PIPE && e != windows.ERROR_NO_DATA {
		s.finish(sys.CallError("readfile", e))
		return
	}
	if s.started || s.awaits {
		s.finish(io.EOF)
		return
	}
	s.readable = true // so that Start finds it, and nothing is begun until then
	if s.recvErr == 0 {
		s.recvErr = uint32(e)
	}
}

func (s *pipe) finish(err error) {
	s.gotEnd, s.readable = true, false
	s.Stop()
	s.reset = s.reset || err != io.EOF
	s.handler.Received(nil, err)
}

// fail tells what went wrong in a call, or how a dial has ended.
func (s *pipe) fail() {
	switch {
	case s.dialing:
		s.connected(sys.Errno(s.recvErr))
	case s.out != nil && s.out.busy && s.out.err != 0:
		s.receive() // what arrived before the end comes first
		if !s.closing {
			s.sent(s.out.err)
		}
	}
}

func (s *pipe) end() {
	s.abandon()
	busy := s.out != nil && s.out.busy
	if s.out != nil {
		s.p.putSending(s.out)
		s.out = nil
	}
	if s.in != nil {
		s.p.putPipeRead(s.in)
		s.in = nil
	}
	if s.handler == nil { // nobody took it
		return
	}
	if busy {
		s.handler.Sent(net.ErrClosed)
		if s.p.Silenced() {
			return
		}
	}
	s.handler.Closed()
}

func (s *pipe) abandon() {
	if s.reset && s.server && s.h != windows.InvalidHandle {
		windows.DisconnectNamedPipe(s.h)
	}
	s.release()
}

// Untold looks at the pipe and at the operations: one that is over has not been told until it is
// out of the port.
func (s *pipe) Untold() (n int, ev poller.Events) {
	switch {
	case s.closing:
		return 0, 0
	case s.dialing:
		if s.failing {
			return 0, poller.Writable
		}
		return 0, 0
	}
	if s.started && !s.gotEnd {
		arrived, e := sys.PipeArrived(s.h, &s.p.scratch)
		if n = arrived; s.in != nil && !s.in.out {
			n += int(s.in.n)
		}
		if n > 0 || e != 0 || s.readable || s.recv.over() || s.in != nil && s.in.over() {
			ev = poller.Readable
		}
	}
	if o := s.out; o != nil && o.busy && (!o.op.out || o.op.over()) {
		ev |= poller.Writable
	}
	return n, ev
}

var (
	_ poller.Foreteller  = (*pipe)(nil)
	_ poller.Acker       = (*pipe)(nil)
	_ poller.EndWatcher  = (*pipe)(nil)
	_ poller.Indivisible = (*pipe)(nil)
)
