package layertest

import (
	"errors"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// A Greeting is a layer that shakes hands: each end says a word, and is ready when it has said its
// own and received the other's. What comes behind that is passed on as it is. It is for tests of programs
// whose connections have a layer that takes its time, or fails.
type Greeting struct {
	// Word is what both ends have to say. Its length may be anything.
	Word string

	// Answers has the end that was called say its word when it has heard the other's, as servers of TLS do.
	Answers bool

	// Work, if set, is run by the loop's Executor before the word is said; it may block. A
	// panic in it ends the handshake.
	Work func()
}

// ErrGreeting is why a Greeting is never ready, if the other end says something else.
var ErrGreeting = errors.New("layertest: not the word of this layer")

// Wrap implements poller.Layer.
func (g Greeting) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := &greeted{g: g, env: at.Env, answers: g.Answers && !at.Client}
	s.in = greeter{s.Upcalls(), s}
	s.Init(below, h, &s.in, at)
	s.Hold(at.Env)
	return s, &s.in
}

type greeted struct {
	layer.Transparent
	in      greeter
	g       Greeting
	env     poller.Env
	heard   int  // bytes of the word
	began   bool // we say and hear
	answers bool // ours comes second
}

// A greeter is the handler of the stream below.
type greeter struct {
	layer.Upcalls
	s *greeted
}

func (g *greeter) Connected(err error) {
	s := g.s
	switch {
	case err != nil:
		s.Ready(err)
	case s.g.Work == nil:
		s.say(nil)
	default:
		if err := s.env.Work(s.g.Work, s.say); err != nil {
			s.Ready(err)
		}
	}
}

// say begins the handshake.
func (s *greeted) say(err error) {
	switch {
	case s.Closed():
	case err != nil:
		s.Ready(err)
	default:
		if s.began = true; !s.answers {
			s.SendOwn([]byte(s.g.Word))
		}
		if len(s.g.Word) == 0 {
			s.Ready(nil)
			return
		}
		s.StartBelow()
	}
}

func (g *greeter) Received(p []byte, err error) {
	s := g.s
	word := s.g.Word
	if err != nil || !s.began || s.heard == len(word) {
		g.Upcalls.Received(p, err)
		return
	}
	n := min(len(p), len(word)-s.heard)
	if string(p[:n]) != word[s.heard:s.heard+n] {
		s.Ready(ErrGreeting)
		return
	}
	if s.heard += n; s.heard == len(word) {
		if s.answers {
			s.SendOwn([]byte(word))
		}
		s.Unread(p[n:])
		s.Ready(nil)
	}
}
