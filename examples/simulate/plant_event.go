package main

import (
	"bytes"
	"io"
	"slices"
)

type deaf struct{ wire }

func newDeaf(w wire) link { return &deaf{w} }

func (d *deaf) Received(p []byte, err error) {
	if err != io.EOF || !d.t.every(10) {
		d.wire.Received(p, err)
	}
}

// A stale stream has a descriptor: the lowest that is free, as on unix. The bug is an event queue that knows streams by
// descriptor only. It gives what is left for a closed stream to the next one with its number.
type stale struct {
	wire
	fd   int
	last []byte // what came last
	gone bool
}

func newStale(w wire) link {
	s := &stale{wire: w, fd: slices.Index(w.t.fds, nil)}
	if s.fd < 0 {
		s.fd = len(w.t.fds)
		w.t.fds = append(w.t.fds, nil)
		w.t.stray = append(w.t.stray, nil)
	}
	w.t.fds[s.fd] = s
	return s
}

func (s *stale) Received(p []byte, err error) {
	if stray := s.t.stray[s.fd]; stray != nil && err == nil {
		s.t.stray[s.fd] = nil
		s.wire.Received(stray, nil)
		if s.gone {
			return
		}
	}
	if len(p) > 0 {
		s.last = append(s.last[:0], p...)
	}
	s.wire.Received(p, err)
}

func (s *stale) Close() {
	s.free()
	s.wire.Close()
}

func (s *stale) Reset() {
	s.free()
	s.wire.Reset()
}

func (s *stale) free() {
	if s.gone {
		return
	}
	s.gone = true
	s.t.fds[s.fd], s.t.stray[s.fd] = nil, nil
	if len(s.last) > 0 && s.t.every(10) {
		s.t.stray[s.fd] = bytes.Clone(s.last)
	}
}

// A hasty stream says that the peer has everything, whatever it has.
type hasty struct{ wire }

func newHasty(w wire) link { return &hasty{w} }

func (h *hasty) Unacked() int { return 0 }

// A leaking stream does not close the system's part of a stream that has failed.
type leaking struct {
	wire
	failed, gone bool
}

func newLeaking(w wire) link { return &leaking{wire: w} }

func (l *leaking) Received(p []byte, err error) {
	l.failed = l.failed || err != nil && err != io.EOF
	l.wire.Received(p, err)
}

func (l *leaking) Reset() {
	if !l.failed {
		l.wire.Reset()
		return
	}
	if l.gone {
		return
	}
	l.gone = true
	l.t.late = append(l.t.late, l.owner.Closed)
	l.t.Wake()
}
