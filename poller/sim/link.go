package sim

import (
	"fmt"
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
	from, to *machine
	back     *link
	free     poller.Time // when what was sent before is on the wire
	packet   poller.Time // when the last datagram arrives that was in order
	cutUntil poller.Time
	held     int         // cuts by acts that last
	drag     poller.Time // that acts add to the latency
}

// up reports whether anything gets through now.
func (l *link) up() bool { return l.w.now >= l.cutUntil && l.held == 0 }

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
	return l.drag + poller.Time(l.Latency) + l.w.dice.between(dieNet, 0, poller.Time(l.Jitter))
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
	l := &link{Link: of, w: m.w, from: m, to: to}
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
	if a.m != b.m {
		w.LinkOneWay(b, a, l)
	}
}

// LinkOneWay sets the direction from a to b alone.
func (w *World) LinkOneWay(a, b *Host, l Link) {
	w.owns(a, b)
	if l.MTU == 0 {
		l.MTU = defaultMTU
	}
	a.m.link(b.m).Link = l
	text := fmt.Sprintf("%s: %v to %v", b.m.name, l.Latency, l.Latency+l.Jitter)
	if l.Bandwidth > 0 {
		text += fmt.Sprintf(", %d bytes a second", l.Bandwidth)
	}
	if l.Loss+l.Duplicate+l.Reorder > 0 {
		text += fmt.Sprintf(", of a million datagrams %d lost, %d doubled, %d overtaken", l.Loss, l.Duplicate, l.Reorder)
	}
	to, n := label(text)
	a.note(vLink, 0, to, n, eOK)
}

// owns holds that hosts are of this world.
func (w *World) owns(hosts ...*Host) {
	for _, h := range hosts {
		if h == nil || h.w != w {
			panic("sim: a host that is not of this world")
		}
	}
}

// apart holds that they are of two machines, besides: no cut parts a machine from
// itself.
func (w *World) apart(a, b *Host) {
	w.owns(a, b)
	if a.m == b.m {
		panic(fmt.Sprintf("sim: %s and %s are the same machine", a.name, b.name))
	}
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
