package sim

import (
	"net/netip"

	"example.com/pike/poller"
)

// A socket is what listeners, streams and packet sockets have in common.
type socket struct {
	h       *Host
	id      uint32
	at      int32 // in h.sockets
	kind    socketKind
	family  family
	started bool
	closed  bool // Close was called, or the process is gone
	queued  bool // is in h.ready
	away    bool // it was detached, and not attached yet
	local   poller.Addr
	opt     options
}

type socketKind uint8

const (
	listenerSocket socketKind = iota
	streamSocket
	packetSocket
)

type family uint8

const (
	inet family = iota
	inet6
	unixDomain
)

// familyOf is the family of socket that an address needs.
func familyOf(a poller.Addr) (family, errno) {
	switch {
	case a.Path != "":
		return unixDomain, eOK
	case !a.AddrPort.IsValid():
		return 0, eAFNOSUPPORT
	case zoned(a.Addr()) != eOK:
		return 0, zoned(a.Addr())
	case a.Addr().Unmap().Is4():
		return inet, eOK
	}
	return inet6, eOK
}

// plain is a with an IPv4 address as IPv4, and not mapped into IPv6. Only users care for
// that difference.
func plain(a poller.Addr) poller.Addr {
	if a.IsValid() && a.Path == "" && a.Addr().Is4In6() {
		a.AddrPort = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}

func (s *socket) common() *socket { return s }

// open makes e one of the sockets of h.
func (h *Host) open(e endpoint) {
	s := e.common()
	h.w.ids++
	s.h, s.id, s.at = h, h.w.ids, int32(len(h.sockets))
	h.sockets = append(h.sockets, e)
}

// room says why h cannot open a socket or a file.
func (h *Host) room() errno {
	files, open := h.chief.Files, len(h.chief.files)
	h.process(func(t *Host) { open += len(t.sockets) })
	if files == 0 {
		files = h.w.cfg.Files
	}
	switch {
	case h.closed || h.gone != nil:
		return eBADF
	case open >= files:
		return eMFILE
	}
	return eOK
}

// remove takes s out of the sockets of its process.
func (s *socket) remove() {
	h := s.h
	last := len(h.sockets) - 1
	moved := h.sockets[last]
	h.sockets[s.at] = moved
	moved.common().at = s.at
	h.sockets[last] = nil
	h.sockets = h.sockets[:last]
	s.at = -1
}

// isOpen reports whether the system still has the socket.
func (s *socket) isOpen() bool { return s.at >= 0 }

// retire queues e to end after the batch, or some time later.
func (s *socket) retire(e endpoint, of *poller.Addr) {
	s.closed, s.started = true, false
	h := s.h
	h.note(vClose, s.id, of, 0, eOK)
	if h.strikes(LateClose, h.m, h.m, s.local.Port(), of) {
		h.w.queue.push(h.w.now+h.w.span(LateClose), evReady, late{e}, 0)
		return
	}
	h.closing = append(h.closing, e)
	h.rouse()
}

// late is a socket whose Closed comes later.
type late struct{ endpoint }

func (l late) happen(kind, int64) {
	if s := l.common(); s.isOpen() {
		s.h.closing = append(s.h.closing, l.endpoint)
		s.h.rouse()
	}
}

// Addr is the address the socket is bound to.
func (s *socket) Addr() poller.Addr {
	if !s.isOpen() {
		return poller.Addr{}
	}
	return s.local
}
