package iocp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/fifo"
	"example.com/pike/poller/internal/sys"
)

// pipeFamily is what a named pipe has in place of the address family of a socket.
const pipeFamily = windows.AF_UNSPEC

// Instances of a named pipe that wait for clients. A client that finds none is told that the pipe is
// busy, and tries again.
const (
	pipesInFlight = 8
	pipesMost     = 254 // one less than what means without limit
)

// errPipeControl is because a pipe has no handle before it listens or connects.
var errPipeControl = fmt.Errorf("a named pipe has no handle before it is opened: %w", errors.ErrUnsupported)

// A pipeListener has several instances of a named pipe, each of which is to be one connection.
// They are the backlog: when it is stopped, clients connect to those all the same, and wait.
type pipeListener struct {
	source
	a         poller.Acceptor
	path      string
	name      sys.PipeName
	instances []instance
	arrived   fifo.Queue[*instance] // in the order of completion
	failure   error                 // why there is no new instance
	bad       int                   // instances that failed, in a row
}

// An instance is one pipe, and the operation that waits for its client.
type instance struct {
	op
	h      windows.Handle
	filled bool // is in arrived
}

func (p *iocp) listenPipe(path string, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	if o.Control != nil {
		return nil, errPipeControl
	}
	if err := sys.LoadPipes(); err != nil {
		return nil, err
	}
	name, e := sys.PipeNameOf(path)
	if e != 0 {
		return nil, sys.CallError("createnamedpipe", e)
	}
	n := pipesInFlight
	if o.Backlog > 0 {
		n = min(o.Backlog, pipesMost)
	}
	l := &pipeListener{a: a, path: path, name: name, instances: make([]instance, n)}
	for i := range l.instances {
		l.instances[i].h = windows.InvalidHandle
	}
	if e := l.first(p); e != 0 {
		err := os.NewSyscallError("createnamedpipe", sys.SocketError(e))
		if e == windows.ERROR_ACCESS_DENIED {
			err = os.NewSyscallError("createnamedpipe", sys.PipeInUse{SocketError: sys.SocketError(e)})
		}
		return nil, err
	}
	p.add(l, windows.InvalidHandle, pipeFamily)
	l.arm() // clients may come before Start
	return l, nil
}

// first makes the instance that has the name for this listener.
func (l *pipeListener) first(p *iocp) sys.Errno {
	h, e := sys.CreatePipe(l.name, true)
	if e != 0 {
		return e
	}
	if e := p.attachPipe(h); e != 0 {
		windows.CloseHandle(h)
		return e
	}
	l.instances[0].h = h
	return 0
}

// attachPipe has the completions of a pipe in the port.
func (p *iocp) attachPipe(h windows.Handle) sys.Errno {
	if _, err := windows.CreateIoCompletionPort(h, p.h, 0, 0); err != nil {
		if e, ok := err.(sys.Errno); ok {
			return e
		}
		return windows.ERROR_INVALID_HANDLE
	}
	return sys.SetCompletionModes(h)
}

func (l *pipeListener) Start() {
	if l.started || l.closing {
		return
	}
	l.started = true
	if l.arrived.Len() > 0 {
		l.later(l)
	}
	l.arm()
}

// Stop leaves the instances with the system: their clients wait.
func (l *pipeListener) Stop() { l.started = false }

func (l *pipeListener) Close() {
	if !l.closing {
		l.shut(l)
	}
}

func (l *pipeListener) cancel() {
	for i := range l.instances {
		if in := &l.instances[i]; in.out {
			sys.Cancel(in.h)
		}
	}
}

func (l *pipeListener) result(o *op) sys.Errno { return sys.PipeResult(o.system()) }

// arm has every instance that is idle wait for a client.
func (l *pipeListener) arm() {
	for i := range l.instances {
		if in := &l.instances[i]; !in.out && !in.filled && !l.begin(in) {
			return
		}
	}
}

// begin has an instance wait for a client, and reports whether it could. If not, fail tells why.
func (l *pipeListener) begin(in *instance) bool {
	for {
		if in.h == windows.InvalidHandle {
			h, e := sys.CreatePipe(l.name, false)
			if e != 0 {
				l.fails("createnamedpipe", e)
				return false
			}
			in.h = h
			if e := l.p.attachPipe(h); e != 0 {
				in.drop()
				l.fails("createiocompletionport", e)
				return false
			}
		}
		l.prepare(&in.op, l)
		e := sys.ConnectPipe(in.h, in.system())
		switch {
		case l.began(&in.op, e):
			return true
		case e == 0, e == windows.ERROR_PIPE_CONNECTED, e == windows.ERROR_NO_DATA:
			// A client was faster. ERROR_NO_DATA is one that has closed already, and what it
			// has sent is still there.
			l.arrive(in)
			l.later(l)
			return true
		case l.bad >= failuresToStop:
			l.bad = 0
			l.fails("connectnamedpipe", e)
			return false
		}
		l.bad++
		in.drop()
	}
}

func (l *pipeListener) arrive(in *instance) {
	l.bad, in.filled = 0, true
	l.arrived.Push(in)
}

// drop closes an instance.
func (in *instance) drop() {
	if in.h != windows.InvalidHandle {
		windows.CloseHandle(in.h)
		in.h = windows.InvalidHandle
	}
}

func (l *pipeListener) completed(o *op, _ int, e sys.Errno) {
	in := (*instance)(unsafe.Pointer(o))
	if e == 0 {
		l.arrive(in)
		l.proceed()
		return
	}
	in.drop()
	if l.bad++; l.bad > failuresToStop {
		l.bad = 0
		l.fails("connectnamedpipe", e)
	} else if l.started {
		l.begin(in)
	}
}

// proceed hands over what has arrived. What arrives at once meanwhile is for the next Poll.
func (l *pipeListener) proceed() {
	for n := l.arrived.Len(); n > 0 && l.started && l.arrived.Len() > 0; n-- {
		in := l.arrived.Pop()
		in.filled = false
		if n > 1 { // or a handler's panic would leave them waiting
			l.later(l)
		}
		s := &pipe{path: l.path, server: true}
		h := in.h
		in.h = windows.InvalidHandle
		l.p.add(s, h, pipeFamily)
		l.begin(in) // before the upcall, so that the name stays taken and another client finds one
		if s.handler = l.a.Accepted(s); s.handler == nil {
			s.Close()
		}
		if !s.closing {
			s.handler.Connected(nil)
		}
		s.arm()
	}
}

// fails has Poll say why there is no new instance: a handler's panic would leave it untold.
func (l *pipeListener) fails(call string, e sys.Errno) {
	l.failure = sys.CallError(call, e)
	l.failLater(l)
}

func (l *pipeListener) fail() {
	if l.started {
		l.Stop()
		l.a.Failed(l.failure)
	}
}

func (l *pipeListener) end() {
	l.abandon()
	l.a.Closed()
}

// abandon closes the instances. A client that nobody was given is disconnected.
func (l *pipeListener) abandon() {
	for i := range l.instances {
		in := &l.instances[i]
		if in.h != windows.InvalidHandle {
			windows.DisconnectNamedPipe(in.h)
		}
		in.drop()
	}
	l.release()
}

// Addr is the name while the listener has it.
func (l *pipeListener) Addr() poller.Addr {
	if l.closing {
		return poller.Addr{}
	}
	return poller.Addr{Path: l.path}
}

// SetOption knows no option, and neither does Option: a pipe is no socket.
func (l *pipeListener) SetOption(poller.Option, int) error { return l.noOption() }

func (l *pipeListener) Option(poller.Option) (int, error) { return 0, l.noOption() }

func (s *source) noOption() error {
	if s.closing {
		return net.ErrClosed
	}
	return errors.ErrUnsupported
}
