package stream

import (
	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// early is a layer whose stream receives rest before all that arrives below it.
type early struct{ rest []byte }

func (e early) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(layer.Transparent)
	in := &earlier{s.Upcalls(), s, e.rest}
	s.Init(below, h, in, at)
	s.Hold(at.Env)
	return s, in
}

// An earlier hands the rest over.
type earlier struct {
	layer.Upcalls
	s    *layer.Transparent
	rest []byte
}

func (e *earlier) Connected(err error) {
	e.s.Unread(e.rest)
	e.rest = nil
	e.s.Ready(err)
}
