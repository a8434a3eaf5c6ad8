package sim

import (
	"example.com/pike/poller"
)

// Bounds of a run: those of Linux (UDP_MAX_SEGMENTS in include/linux/udp.h, and
// the length field of IP).
const (
	runDatagrams = 64
	runBytes     = 65487
)

// message is a datagram as its receiver sees it.
func (s *packet) message(d *datagram) poller.Message {
	m := poller.Message{Data: d.data[:len(d.data):len(d.data)], Peer: d.src}
	if s.opt.recvInfo {
		m.Local, m.Interface = d.dst.Addr().WithZone(""), d.via
	}
	if s.opt.recvClass {
		m.TrafficClass = d.class
	}
	return m
}

// extend makes m, which came behind run, a part of the run. It does so if a system may, and
// if the seed decides so.
func (s *packet) extend(run, m *poller.Message) bool {
	size := max(run.Segment, len(run.Data)/run.Count())
	switch {
	case !s.opt.segments, run.Peer != m.Peer, run.Control != m.Control:
		return false
	case len(m.Data) == 0, len(m.Data) > size, len(run.Data) != run.Count()*size:
		return false
	case run.Count() == runDatagrams, len(run.Data)+len(m.Data) > runBytes:
		return false
	}
	if s.h.w.dice.below(dieSegment, 2) == 0 {
		return false
	}
	if run.Segment == 0 {
		run.Segment = size
	}
	run.Data = append(run.Data, m.Data...) // into other memory: the first's has no room
	return true
}
