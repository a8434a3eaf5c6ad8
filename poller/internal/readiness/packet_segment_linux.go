package readiness

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// sendIovecs is how many pieces of memory one call sends.
const sendIovecs = 512

// An offload is what the system does for a socket besides moving datagrams.
type offload struct {
	runs  sys.Runs // that are sent
	joins bool     // runs are received whole
	info  bool     // Options.RecvPacketInfo
	class bool     // Options.RecvTrafficClass
	alone bool     // the last datagram was sent by sendto
}

// setOffload finds out what the system can do.
func (s *packet) setOffload(o *poller.Options) {
	s.info, s.class = o.RecvPacketInfo, o.RecvTrafficClass
	if o.NoOffload {
		return
	}
	s.runs.Open(s.fd)
	if o.RecvSegments {
		unix.SetsockoptInt(int(s.fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) // Linux 5.0
	}
	// An adopted socket may have it on already.
	on, err := unix.GetsockoptInt(int(s.fd), unix.IPPROTO_UDP, unix.UDP_GRO)
	s.joins = err == nil && on != 0
}

// tells reports whether control data comes with what s receives.
func (f *offload) tells() bool { return f.joins || f.info || f.class }

// A place is how far a Send has come.
type place struct {
	message int
	cut     int // bytes of it; it is a run
}

// gather fills header k with as many datagrams, from a place on, as the system can cut
// apart again. It copies none, moves the place behind them, and returns how many bytes they
// are. On some paths a run is refused as one. So for a socket that hears of refusals gather
// makes no run of several messages.
func (b *packetBuffers) gather(k int, s *packet, ms []poller.Message, at *place) (bytes int, e sys.Errno) {
	m := &ms[at.message]
	h := &b.sendHdrs[k]
	*h = sys.Mmsghdr{}
	to := &s.peer
	if m.Peer.IsValid() || s.peer.Family == 0 {
		to = &b.sendNames[k]
		if e := to.SetFor(m.Peer, s.family(), &h.Namelen, &s.p.zones); e != 0 {
			return 0, e
		}
		h.Name = (*byte)(unsafe.Pointer(to))
	}
	if m.Segment < 0 {
		return 0, unix.EINVAL
	}
	size := sys.SizeOf(m)
	limit := s.runs.Limit(size)
	first := b.iovecs
	for more := true; more; {
		p := ms[at.message].Data[at.cut:]
		p = p[:min(len(p), limit-bytes)]
		b.add(p, first)
		bytes += len(p)
		if at.cut += len(p); at.cut == len(ms[at.message].Data) {
			at.message, at.cut = at.message+1, 0
		}
		more = bytes < limit && bytes%size == 0 && at.message < len(ms) && b.iovecs < len(b.sendIovs) &&
			(at.cut > 0 || !s.queues) && follows(&ms[at.message], m, size)
	}
	h.Iov = &b.sendIovs[first]
	h.SetIovlen(b.iovecs - first)
	segment := 0
	if bytes > size {
		segment = size
	}
	if segment == 0 && m.Control == (poller.Control{}) {
		return bytes, 0
	}
	return bytes, b.sendControls[k].Set(&h.Msghdr, segment, &m.Control, to, &s.p.zones)
}

// follows reports whether m may leave behind run, whose datagrams have a size.
func follows(m, run *poller.Message, size int) bool {
	n := sys.SizeOf(m)
	return (n == size || 0 < n && n < size && n == len(m.Data)) &&
		m.Segment >= 0 && m.Peer == run.Peer && m.Control == run.Control
}

// add gives a header another piece of memory. If p lies right behind the piece before, it
// becomes a part of that, as copies of small datagrams often do. Nothing here points to p
// then; the messages keep it alive.
func (b *packetBuffers) add(p []byte, first int) {
	if b.iovecs > first {
		last := &b.sendIovs[b.iovecs-1]
		end := uintptr(unsafe.Pointer(last.Base)) + uintptr(last.Len)
		if len(p) > 0 && end == uintptr(unsafe.Pointer(unsafe.SliceData(p))) {
			last.SetLen(int(last.Len) + len(p))
			return
		}
	}
	b.sendIovs[b.iovecs].Base = unsafe.SliceData(p)
	b.sendIovs[b.iovecs].SetLen(len(p))
	b.iovecs++
}
