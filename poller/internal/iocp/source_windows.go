package iocp

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// An op is one operation that the system may hold the memory of. The system
// gives back the address of its first field.
type op struct {
	windows.Overlapped
	owner endpoint
	out   bool // the system has it
}

// system is o as system calls take it: its first field, and nil for none.
func (o *op) system() *windows.Overlapped { return (*windows.Overlapped)(unsafe.Pointer(o)) }

// A source is what every socket has.
type source struct {
	p        *iocp
	h        windows.Handle
	at       int32 // in the live list
	inflight int16 // operations that the system has
	family   uint8
	started  bool
	closing  bool
	queued   bool // is in ready
	failing  bool // is in failed
}

func (s *source) base() *source { return s }

// prepare readies an operation to be begun by s.
func (s *source) prepare(o *op, owner endpoint) {
	o.Overlapped, o.owner = windows.Overlapped{}, owner
}

// began takes note of what the system said to an operation: whether it has it
// now. All but ERROR_IO_PENDING is final, and posts nothing.
func (s *source) began(o *op, e sys.Errno) (pending bool) {
	if o.out = e == windows.ERROR_IO_PENDING; o.out {
		s.inflight++
		s.p.inflight++
	}
	return o.out
}

// later has proceed called by the next Poll.
func (s *source) later(e endpoint) {
	if !s.queued && !s.closing {
		s.queued = true
		s.p.ready.Push(e)
	}
}

// failLater has fail called by Poll.
func (s *source) failLater(e endpoint) {
	if !s.failing && !s.closing {
		s.failing = true
		s.p.failed.Push(e)
	}
}

// shut begins the end of s. What is in flight is cancelled first: a socket that is
// closed with a send in flight may keep it until the peer reads.
func (s *source) shut(e endpoint) {
	s.closing, s.started = true, false
	if s.inflight > 0 {
		e.cancel()
		return
	}
	s.p.closing.Push(e)
}

func (s *source) cancel() { sys.Cancel(s.h) }

func (s *source) result(o *op) sys.Errno { return sys.Result(s.h, &s.p.scratch, o.system()) }

// release closes the socket and takes it out of the live list.
func (s *source) release() {
	s.unlist()
	switch {
	case s.family != pipeFamily:
		windows.Closesocket(s.h)
	case s.h != windows.InvalidHandle: // which would be this process (GetCurrentProcess)
		windows.CloseHandle(s.h)
	}
	s.h = windows.InvalidHandle
}

// unlist takes s out of the live list.
func (s *source) unlist() {
	live := s.p.live
	last := live[len(live)-1]
	live[s.at] = last
	last.base().at = s.at
	live[len(live)-1] = nil
	s.p.live = live[:len(live)-1]
}

func (s *source) SetOption(o poller.Option, v int) error {
	if s.closing {
		return net.ErrClosed
	}
	return sys.SetOption(s.h, int(s.family), o, v)
}

func (s *source) Option(o poller.Option) (int, error) {
	if s.closing {
		return 0, net.ErrClosed
	}
	return sys.GetOption(s.h, int(s.family), o)
}

// Fd is the SOCKET, or ^0 when it is closed.
func (s *source) Fd() uintptr { return uintptr(s.h) }

func (s *source) Addr() poller.Addr {
	if s.h == windows.InvalidHandle || sys.Getsockname(s.h, &s.p.sa) != 0 {
		return poller.Addr{}
	}
	return s.p.sa.Addr(&s.p.zones)
}
