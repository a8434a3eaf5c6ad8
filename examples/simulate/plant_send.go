package main

import (
	"bytes"
	"slices"
)

// A lossy stream forgets what others have said. It forgets no answers, because these would be missed at once.
type lossy struct{ wire }

func newLossy(w wire) link { return &lossy{w} }

func (l *lossy) Send(bufs [][]byte) bool {
	said := len(bufs) == 1 && bytes.HasPrefix(bufs[0], []byte("[#")) && bytes.Count(bufs[0], []byte{'\n'}) == 1
	return said && l.t.every(100) || l.wire.Send(bufs)
}

type repeating struct{ wire }

func newRepeating(w wire) link { return &repeating{w} }

func (r *repeating) Send(bufs [][]byte) bool {
	done := r.wire.Send(bufs)
	if done && r.t.every(150) {
		return r.wire.Send(bufs)
	}
	return done
}

type swapping struct {
	wire
	out [][]byte // with the host, which may keep it
}

func newSwapping(w wire) link { return &swapping{wire: w} }

func (s *swapping) Send(bufs [][]byte) bool {
	lines := bytes.SplitAfter(slices.Concat(bufs...), []byte{'\n'})
	if len(lines) < 3 || !s.t.every(20) {
		return s.wire.Send(bufs)
	}
	lines[0], lines[1] = lines[1], lines[0]
	s.out = [][]byte{slices.Concat(lines...)}
	return s.wire.Send(s.out)
}

type mute struct{ wire }

func newMute(w wire) link { return &mute{w} }

func (m *mute) Sent(err error) {
	if err != nil || !m.t.every(20) {
		m.wire.Sent(err)
	}
}
