package iocp

import (
	"slices"
	"time"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// busyPipes are the dials that have found no instance free. WaitNamedPipe would wait for one in a
// thread, and must be followed by another try all the same. So they try again, from time to time,
// the oldest first.
type busyPipes struct {
	list []*busyPipe
	next poller.Time // when to try; 0 is never
	wait time.Duration
	full []string // the pipes that were found busy in the try under way
}

type busyPipe struct {
	s     *pipe
	name  sys.PipeName
	since poller.Time
}

// How often busy pipes are tried: a server that is in its loop accepts within a millisecond, and one
// that has paused is asked seldom. After busyMost, which is what libuv waits, the answer is
// that the pipe is busy.
const (
	busyFirst = time.Millisecond
	busyLast  = 32 * time.Millisecond
	busyMost  = 30 * time.Second
)

func (p *iocp) dialPipe(path string, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	if o.Control != nil {
		return nil, errPipeControl
	}
	if err := sys.LoadPipes(); err != nil {
		return nil, err
	}
	name, e := sys.PipeNameOf(path)
	if e != 0 {
		return nil, sys.CallError("createfile", e)
	}
	s := &pipe{path: path, handler: h, dialing: true}
	p.add(s, windows.InvalidHandle, pipeFamily)
	if !s.open(name) {
		b := &p.busy
		b.list = append(b.list, &busyPipe{s, name, p.Now()})
		b.soon(p.Now())
	}
	return s, nil
}

// soon has the next try come after the shortest time.
func (b *busyPipes) soon(now poller.Time) {
	b.wait = busyFirst
	if at := now.Add(b.wait); b.next == 0 || at < b.next {
		b.next = at
	}
}

// open opens the pipe, and reports whether there is an answer. Poll tells it.
func (s *pipe) open(name sys.PipeName) bool {
	h, e := sys.OpenPipe(name)
	if e == windows.ERROR_PIPE_BUSY {
		return false
	}
	if e == 0 {
		if e = s.p.attachPipe(h); e != 0 {
			windows.CloseHandle(h)
		} else {
			s.h = h
		}
	}
	s.recvErr = uint32(e)
	s.failLater(s)
	return true
}

// tryBusyPipes tries them again, in the order in which they came. Where one finds its pipe busy, those
// behind it that want the same pipe would find it so too.
func (p *iocp) tryBusyPipes() {
	b, now := &p.busy, p.Now()
	if now < b.next {
		return
	}
	left := b.list[:0]
	for _, d := range b.list {
		switch {
		case d.s.closing || !slices.Contains(b.full, d.s.path) && d.s.open(d.name):
		case now.Sub(d.since) >= busyMost:
			d.s.recvErr = uint32(windows.ERROR_PIPE_BUSY)
			d.s.failLater(d.s)
		default:
			left = append(left, d)
			if !slices.Contains(b.full, d.s.path) {
				b.full = append(b.full, d.s.path)
			}
		}
	}
	clear(b.full)
	b.full = b.full[:0]
	if len(left) < len(b.list) { // the server is at it
		b.wait = busyFirst
	} else {
		b.wait = min(2*b.wait, busyLast)
	}
	clear(b.list[len(left):])
	if b.list, b.next = left, 0; len(left) > 0 {
		b.next = now.Add(b.wait)
	}
}

// connected ends a dial; what was asked for meanwhile begins.
func (s *pipe) connected(e sys.Errno) {
	s.dialing = false
	s.recvErr = 0
	if e != 0 {
		s.started, s.gotEnd = false, true
		s.recvErr = uint32(e)
		s.handler.Connected(sys.CallError("createfile", e))
		return
	}
	s.arm()
	if s.out != nil && s.out.busy {
		s.later(s)
	}
	s.handler.Connected(nil)
}
