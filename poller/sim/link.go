package sim

import (
	"time"

	"example.com/pike/poller"
)

// A Link is what the way from one host to another is like. What it says of
// datagrams comes on top of the faults of the world.
type Link struct {
	Latency   time.Duration // of everything
	Jitter    time.Duration // up to this is added, by the seed; what one socket sends stays in order
	Bandwidth int64         // bytes a second; 0 is unlimited
	MTU       int           // larger datagrams travel in fragments, each of which may be lost; 0 is 1500
	Loss      uint32        // datagrams lost, in millionths
	Duplicate uint32        // datagrams that arrive twice, in millionths
	Reorder   uint32        // datagrams overtaken by later ones, in millionths
}

// The links of a world whose Config does not say: a network within a building,
// and a machine to itself.
var (
	defaultLink     = Link{Latency: 300 * time.Microsecond, Jitter: 200 * time.Microsecond, Bandwidth: 125_000_000}
	defaultLoopback = Link{Latency: 10 * time.Microsecond, Jitter: 20 * time.Microsecond, MTU: 65536}
)

const defaultMTU = 1500

// A link is one direction of the way between two machines.
type link struct {
	Link
	w        *World
	back     *link
	free     poller.Time // when what was sent before is on the wire
	packet   poller.Time // when the last datagram arrives that was in order
	cutUntil poller.Time
}

// up reports whether anything gets through now.
func (l *link) up() bool { return l.w.now >= l.cutUntil }

// arrival sends n bytes and says when they arrive.
func (l *link) arrival(n int) poller.Time {
	at := l.w.now
	if l.Bandwidth > 0 {
		at = max(at, l.free) + transmission(n, l.Bandwidth)
		l.free = at
	}
	return at + l.delay()
}

// transmission is how long n bytes take. An int holds a second in nanoseconds
// times 4 GiB.
func transmission(n int, bandwidth int64) poller.Time {
	return poller.Time(int64(n) * int64(second) / bandwidth)
}

// delay is what something small takes that no bandwidth holds up.
func (l *link) delay() poller.Time {
	return poller.Time(l.Latency) + l.w.dice.between(dieNet, 0, poller.Time(l.Jitter))
}

// link finds the link from m to another machine.
func (m *machine) link(to *machine) *link {
	if int(to.id) < len(m.links) {
		if l := m.links[to.id]; l != nil {
			return l
		}
	}
	of := m.w.cfg.Link
	if m == to {
		of = m.w.cfg.Loopback
	}
	l := m.newLink(to, of)
	if m == to {
		l.back = l
	} else {
		l.back = to.newLink(m, of)
		l.back.back = l
	}
	return l
}

func (m *machine) newLink(to *machine, of Link) *link {
	for int(to.id) >= len(m.links) {
		m.links = append(m.links, nil)
	}
	if of.MTU == 0 {
		of.MTU = defaultMTU
	}
	l := &link{Link: of, w: m.w}
	m.links[to.id] = l
	return l
}

// mayPart is the occasion for a partition.
func (l *link) mayPart(h *Host, to *machine, port uint16) {
	if h.strikes(Partition, h.m, to, port, nil) {
		l.w.cut(h.m, to, l.w.now+l.w.span(Partition))
	}
}

// Link sets what the way between two hosts is like, in both directions, from
// now on.
func (w *World) Link(a, b *Host, l Link) {
	w.LinkOneWay(a, b, l)
	w.LinkOneWay(b, a, l)
}

// LinkOneWay sets the direction from a to b alone.
func (w *World) LinkOneWay(a, b *Host, l Link) {
	if l.MTU == 0 {
		l.MTU = defaultMTU
	}
	a.m.link(b.m).Link = l
}

// Cut separates two hosts until Heal: nothing gets from one to the other, and
// neither is told. What is on its way still arrives.
func (w *World) Cut(a, b *Host) { w.cut(a.m, b.m, poller.Never) }

// CutFor is Cut and, d later, Heal.
func (w *World) CutFor(a, b *Host, d time.Duration) { w.cut(a.m, b.m, w.now.Add(d)) }

// CutOneWay drops what a sends to b. Streams between them make no progress in
// either direction, for want of acknowledgements.
func (w *World) CutOneWay(a, b *Host) {
	a.m.link(b.m).cutUntil = poller.Never
	w.parted(a.m, b.m, poller.Never)
}

// Heal ends what Cut, CutFor and CutOneWay did to two hosts.
func (w *World) Heal(a, b *Host) {
	l := a.m.link(b.m)
	l.cutUntil, l.back.cutUntil = 0, 0
	name, n := label(b.m.name)
	a.note(vHeal, 0, name, n, eOK)
}

func (w *World) cut(a, b *machine, until poller.Time) {
	l := a.link(b)
	l.cutUntil = max(l.cutUntil, until)
	l.back.cutUntil = max(l.back.cutUntil, until)
	w.parted(a, b, until)
}

// parted records a cut, and starts the keep-alive probes of the connections
// that it concerns. Those of other connections would be answered without anybody
// noticing, so they are never sent: a world that is at rest has no events.
func (w *World) parted(a, b *machine, until poller.Time) {
	name, n := label(b.name)
	a.first.note(vCut, 0, name, n, eOK)
	a.probe(b, until)
	b.probe(a, until)
}

func (m *machine) probe(peer *machine, until poller.Time) {
	for _, h := range m.hosts {
		for _, e := range h.sockets {
			if s, ok := e.(*stream); ok && s.connected && s.other().h.m == peer {
				s.probe(until)
			}
		}
	}
}
