package sim

import (
	"time"

	"example.com/pike/poller"
)

// Cut separates two hosts until Heal: nothing gets from one to the other, and
// neither is told. What is on its way still arrives.
func (w *World) Cut(a, b *Host) {
	w.apart(a, b)
	w.cut(a.m, b.m, poller.Never)
}

// CutFor is Cut and, d later, Heal. If another cut lasts longer, the hosts stay apart
// until that one ends.
func (w *World) CutFor(a, b *Host, d time.Duration) {
	w.apart(a, b)
	w.cut(a.m, b.m, w.now.Add(d))
}

// CutOneWay drops what a sends to b. Streams between them make no progress in
// either direction, for want of acknowledgements.
func (w *World) CutOneWay(a, b *Host) {
	w.apart(a, b)
	l := a.m.link(b.m)
	if l.until(poller.Never) {
		l.from.tellOf(vCutOneWay, l.to)
	}
	w.doubt(a.m, b.m, poller.Never)
}

// Heal ends what Cut, CutFor and CutOneWay did to two hosts. What acts of Nemesis do lasts.
func (w *World) Heal(a, b *Host) {
	w.apart(a, b)
	l := a.m.link(b.m)
	l.cutUntil, l.back.cutUntil = 0, 0
	l.tellEnds(true, true)
}

// cut parts two machines. The end of a cut is an event only for the trace, because all
// that wait for the network try again by themselves.
func (w *World) cut(a, b *machine, until poller.Time) {
	if until <= w.now {
		return
	}
	l := a.link(b)
	there, back := l.until(until), l.back.until(until)
	a.tellOf(vCut, b)
	if until != poller.Never {
		if there {
			w.pushStill(until, evHeal, l, int64(until))
		} else if back {
			w.pushStill(until, evHeal, l.back, int64(until))
		}
	}
	w.doubt(a, b, until)
}

// until has a cut last at least until then, and reports whether that is longer than before.
func (l *link) until(t poller.Time) bool {
	if t <= l.cutUntil {
		return false
	}
	l.cutUntil = t
	return true
}

// happen is the end of a cut, in each direction in which no other has taken its place.
func (l *link) happen(_ kind, until int64) {
	l.tellEnds(l.ends(until), l.back.ends(until))
}

// ends reports whether the cut of l was to end then, and ends it.
func (l *link) ends(until int64) bool {
	if l.cutUntil != poller.Time(until) {
		return false
	}
	l.cutUntil = 0
	return true
}

// tellEnds tells that a cut has ended in one direction or in both, where nothing else cuts them.
func (l *link) tellEnds(there, back bool) {
	up, backUp := l.up(), l.back.up()
	switch {
	case there && back && up && backUp:
		l.from.tellOf(vHeal, l.to)
	case there && up:
		l.tellEnd()
	case back && backUp:
		l.back.tellEnd()
	}
}

// tellEnd tells that l is up again.
func (l *link) tellEnd() {
	v := vHealOneWay
	if l.back.up() {
		v = vHeal
	}
	l.from.tellOf(v, l.to)
}

// tellOf records what concerns m and another machine.
func (m *machine) tellOf(v verb, of *machine) {
	name, n := label(of.name)
	m.first.note(v, 0, name, n, eOK)
}

// doubt starts the keep-alive probes of the connections that a cut concerns. The probes of
// other connections would be answered, and nobody would notice. So they are never sent, and
// a world that is at rest has no events.
func (w *World) doubt(a, b *machine, until poller.Time) {
	a.probe(b, until)
	b.probe(a, until)
}
