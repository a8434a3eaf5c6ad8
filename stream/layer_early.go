package stream

import (
	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// first is a layer that receives rest before all that arrives below it.
type first struct {
	poller.Layer
	rest []byte
}

func (f first) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	return layer.Stack{early{f.rest}, f.Layer}.Wrap(below, h, at)
}

// early has its stream receive rest first.
type early struct{ rest []byte }

func (e early) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := &earlyStream{env: at.Env, rest: e.rest}
	in := s.Upcalls()
	s.Init(below, h, in, at)
	return s, in
}

// An earlyStream passes everything on once rest was received. Until then what is below stays
// stopped.
type earlyStream struct {
	layer.Transparent
	env     poller.Env
	rest    []byte
	started bool // while there is a rest
	queued  bool
}

func (s *earlyStream) Start() {
	if len(s.rest) == 0 {
		s.Transparent.Start()
		return
	}
	if s.started = true; !s.queued {
		s.queued = true
		s.env.Defer((*earlyBytes)(s))
	}
}

func (s *earlyStream) Stop() {
	s.started = false
	s.Transparent.Stop()
}

func (s *earlyStream) WatchEnd() {
	s.started = false
	if len(s.rest) == 0 {
		s.Transparent.WatchEnd()
	}
}

// Untold counts the rest: it has arrived.
func (s *earlyStream) Untold() (n int, ev poller.Events) {
	n, ev = s.Transparent.Untold()
	if s.started && len(s.rest) > 0 && !s.Closed() {
		return n + len(s.rest), ev | poller.Readable
	}
	return n, ev
}

// Release is refused while something would be lost by it.
func (s *earlyStream) Release() (uintptr, error) {
	if len(s.rest) > 0 {
		return 0, ErrEarly
	}
	return s.Transparent.Release()
}

// earlyBytes is an earlyStream when the rest is due.
type earlyBytes earlyStream

func (b *earlyBytes) Flush() {
	s := (*earlyStream)(b)
	if s.queued = false; !s.started || s.Closed() {
		return
	}
	rest := s.rest
	s.rest, s.started = nil, false
	s.Transparent.Start()
	s.Above().Received(rest, nil)
}
