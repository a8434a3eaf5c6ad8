package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"example.com/pike/poller"
)

// A listener is a listening stream socket.
type listener struct {
	socket
	a       poller.Acceptor
	backlog int
	waiting []*stream // connections that nobody has accepted yet
	keeps   bool      // the file of its path, when it closes
	cred    poller.Cred
}

const (
	acceptsPerPoll = 64
	backlogMost    = 4096 // net.core.somaxconn
)

// Listen opens a listening socket on the host.
func (h *Host) Listen(addr poller.Addr, o *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	if o == nil {
		o = new(poller.Options)
	}
	if err := check(o); err != nil {
		return nil, err
	}
	addr = plain(addr)
	f, e := familyOf(addr)
	if e == eOK {
		e = h.room()
	}
	if e != eOK {
		h.noteAt(vListen, 0, &addr, 0, e)
		return nil, e.of("socket")
	}
	if o.V6Only && f == inet {
		h.noteAt(vListen, 0, &addr, 0, eINVAL)
		return nil, eINVAL.of("setsockopt")
	}
	l := &listener{a: a, cred: h.cred(), keeps: o.File.Keep}
	l.kind = listenerSocket
	if f == unixDomain && abstract(addr.Path) && o.File.Mode != 0 {
		h.noteAt(vListen, 0, &addr, 0, eINVAL)
		return nil, o.File.NoMode()
	}
	if e := h.bindListener(l, addr, f, o); e != eOK {
		h.noteAt(vListen, 0, &addr, 0, e)
		return nil, e.of("bind")
	}
	l.family = f
	l.opt.from(o, &h.w.cfg)
	l.opt.reuse = !o.NoReuseAddr
	h.open(l)
	l.setBacklog(o.Backlog)
	h.noteAt(vListen, l.id, &l.local, mixFile(mix(l.opt.hash(), uint64(l.backlog)), &o.File), eOK)
	return l, nil
}

func (l *listener) setBacklog(n int) {
	if n <= 0 || n > backlogMost {
		n = backlogMost
	}
	l.backlog = n
}

// bindListener gives l the address, and finds a port if it has none.
func (h *Host) bindListener(l *listener, addr poller.Addr, f family, o *poller.Options) errno {
	m := h.m
	l.local = addr
	if f == unixDomain {
		return h.bindPath(addr.Path, l, &o.File)
	}
	if !m.canBind(addr.Addr(), false) {
		return eADDRNOTAVAIL
	}
	if addr.Port() == 0 {
		n := m.ephemeral(false)
		if n == 0 {
			return eADDRINUSE
		}
		l.local.AddrPort = netip.AddrPortFrom(addr.Addr(), n)
	}
	p := m.port(portKey{number: l.local.Port()})
	for _, other := range p.listeners {
		if overlaps(&other.socket, addr.Addr(), o.V6Only) && !(o.ReusePort && other.opt.reusePort) {
			return eADDRINUSE
		}
	}
	// Connections that are still there matter only without SO_REUSEADDR
	// (socket(7)).
	if o.NoReuseAddr && (p.streams > 0 || p.wait > h.w.now) {
		return eADDRINUSE
	}
	p.listeners = append(p.listeners, l)
	return eOK
}

// overlaps reports whether a socket for an address would get what is meant for s. It
// would if the addresses are the same, or if one is a wildcard that covers the other.
func overlaps(s *socket, a netip.Addr, v6Only bool) bool {
	b := s.local.Addr()
	switch {
	case a.Is4() == b.Is4():
		return a == b || a.IsUnspecified() || b.IsUnspecified()
	case a.Is4():
		return b.IsUnspecified() && !s.opt.v6Only
	}
	return a.IsUnspecified() && !v6Only
}

// listenerFor finds who gets a connection to a, if anybody does.
func (m *machine) listenerFor(a poller.Addr) *listener {
	if a.Path != "" {
		return m.paths[a.Path].listener()
	}
	p := m.ports[portKey{number: a.Port()}]
	if p == nil {
		return nil
	}
	best, score, same := (*listener)(nil), 0, int64(0)
	for _, l := range p.listeners {
		s := fits(&l.socket, a.Addr())
		switch {
		case s == 0 || s < score:
		case s > score:
			best, score, same = l, s, 1
		default: // SO_REUSEPORT: each has the same chance
			if same++; m.w.dice.below(dieOrder, same) == 0 {
				best = l
			}
		}
	}
	return best
}

// fits says how well a socket fits a destination. 0 is not at all. An exact address is
// better than a wildcard.
func fits(s *socket, to netip.Addr) int {
	switch own := s.local.Addr(); {
	case own == to:
		return 3
	case !own.IsUnspecified():
		return 0
	case own.Is4() == to.Is4():
		return 2
	case to.Is4() && !s.opt.v6Only:
		return 1
	}
	return 0
}

// Start begins to accept.
func (l *listener) Start() {
	if l.started || l.closed {
		return
	}
	l.started = true
	l.h.note(vStartOn, l.id, &l.local, 0, eOK)
	l.wake()
}

// Stop leaves connections waiting.
func (l *listener) Stop() {
	if l.started {
		l.started = false
		l.h.note(vStopOn, l.id, &l.local, 0, eOK)
	}
}

// Close closes the listener and resets what nobody has accepted.
func (l *listener) Close() {
	if !l.closed {
		l.removeFile()
		l.retire(l, &l.local)
	}
}

// SetOption also sets the backlog.
func (l *listener) SetOption(o poller.Option, v int) error {
	if o == poller.BacklogSize && !l.closed && v >= 0 {
		l.setBacklog(v)
	}
	return l.socket.SetOption(o, v)
}

func (l *listener) wake() {
	if l.started && len(l.waiting) > 0 {
		l.h.tellSoon(l)
	}
}

func (l *listener) tell() bool {
	for range acceptsPerPoll {
		if !l.started || len(l.waiting) == 0 {
			return false
		}
		s := l.waiting[0]
		e := l.h.room()
		if e == eOK && l.h.strikes(TooManyOpen, s.other().h.m, l.h.m, l.local.Port(), &l.local) {
			e = eMFILE
		}
		if e != eOK {
			l.started = false
			l.h.note(vFailed, l.id, &l.local, 0, e)
			l.a.Failed(e.of("accept4"))
			return false
		}
		l.waiting = slices.Delete(l.waiting, 0, 1)
		l.accept(s)
	}
	return l.started && len(l.waiting) > 0
}

func (l *listener) accept(s *stream) {
	h := l.h
	h.open(s)
	h.note(vAccepted, s.id, &s.conn.ends[0].local, int64(s.conn.ends[0].local.Port()), eOK)
	owner := l.a.Accepted(s)
	if h.left == s { // it was detached
		h.left = nil
		return
	}
	if s.handler = owner; owner == nil {
		s.Close()
	}
	if !s.closed {
		s.handler.Connected(nil)
	}
	if !s.closed {
		s.wake() // what came before it had an owner
	}
}

func (l *listener) end() {
	l.release(false)
	l.h.note(vClosed, l.id, &l.local, 0, eOK)
	l.a.Closed()
}

func (l *listener) abandon(vanish bool) {
	l.closed = true
	l.release(vanish)
}

// release frees the address. The system resets connections that nobody will
// accept now.
func (l *listener) release(vanish bool) {
	l.remove()
	m := l.h.m
	if l.family == unixDomain {
		m.leavePath(l)
	} else {
		k := portKey{number: l.local.Port()}
		p := m.port(k)
		p.listeners = slices.DeleteFunc(p.listeners, func(o *listener) bool { return o == l })
		m.leave(k)
	}
	for _, s := range l.waiting {
		s.drop(vanish, true)
	}
	l.waiting = nil
}

func (l *listener) String() string {
	return fmt.Sprintf("listener %v: %s, %d waiting to be accepted", l.local, receiving(&l.socket), len(l.waiting))
}

// receiving describes the receiving side of a socket.
func receiving(s *socket) string {
	switch {
	case s.closed:
		return "closing"
	case s.started:
		return "started"
	}
	return "stopped"
}
