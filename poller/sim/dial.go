package sim

import (
	"net/netip"

	"example.com/pike/poller"
)

// A conn is a connection: both of its ends and what is on its way between them.
type conn struct {
	w       *World
	ends    [2]stream // the one that dialed, the one that was accepted
	pipes   [2]pipe   // from each of them to the other
	to      *machine  // nil: nobody has the address
	dest    poller.Addr
	port    uint16 // that was dialed
	tries   int    // requests sent
	lost    bool   // Timeout: all of them vanish
	rules   []*rule
	carried int64 // bytes, in both directions
}

// Linux sends a request to connect seven times, after 1, 2, 4 ... seconds, and
// gives up after 127 s (tcp(7), tcp_syn_retries).
const (
	synSends = 7
	synWait  = 1 * second
)

// Dial starts to connect.
func (h *Host) Dial(addr poller.Addr, o *poller.Options, handler poller.StreamHandler) (poller.Stream, error) {
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
		h.noteAt(vDial, 0, &addr, 0, e)
		return nil, e.of("socket")
	}
	if e := badPath(addr.Path); f == unixDomain && e != eOK {
		h.noteAt(vDial, 0, &addr, 0, e)
		return nil, e.of("connect")
	}
	c := &conn{w: h.w, dest: addr, port: addr.Port()}
	a := c.end(0)
	a.family, a.handler, a.peer, a.dialing = f, handler, addr, true
	fail := eOK
	if f == unixDomain {
		c.to, fail = h.m, h.reach(addr.Path)
	} else {
		var from netip.Addr
		c.dest.AddrPort = netip.AddrPortFrom(self(addr.Addr()), addr.Port())
		c.to, from = h.m.route(c.dest.Addr())
		if e := h.bindDial(a, from, o); e != eOK {
			h.noteAt(vDial, 0, &addr, 0, e)
			return nil, e.of("bind")
		}
		if !from.IsValid() {
			fail = eNETUNREACH
		}
	}
	a.opt.from(o, &h.w.cfg)
	a.opt.reuse = o.ReuseAddr
	h.open(a)
	a.size(h)
	h.noteAt(vDial, a.id, &a.peer, mixAddr(a.opt.hash(), &a.local), eOK)
	if fail != eOK {
		a.answer(fail)
	} else {
		c.request()
	}
	return a, nil
}

// unixDomain reports whether no network is between the ends. Of its faults, Refuse alone is left,
// which is how the BSDs and macOS answer when a backlog is full.
func (c *conn) unixDomain() bool { return c.ends[0].family == unixDomain }

// end prepares one end.
func (c *conn) end(side uint8) *stream {
	s := &c.ends[side]
	s.kind, s.conn, s.side, s.at = streamSocket, c, side, -1
	p := &c.pipes[side]
	p.conn, p.src, p.dst = c, s, &c.ends[1-side]
	return s
}

// bindDial gives s the address it dials from.
func (h *Host) bindDial(s *stream, from netip.Addr, o *poller.Options) errno {
	var number uint16
	local, shares := plain(o.Local), o.ReuseAddr || o.ReusePort
	if local.IsValid() && local.Path == "" {
		switch {
		case local.Addr().Is4() != (s.family == inet):
			return eAFNOSUPPORT
		case !h.m.canBind(local.Addr(), false):
			return eADDRNOTAVAIL
		case !local.Addr().IsUnspecified():
			from = local.Addr()
		}
		number = local.Port()
		if p := h.m.ports[portKey{number: number}]; number != 0 && p != nil && !p.unused(h.w.now) && !(shares && p.shared()) {
			return eADDRINUSE
		}
	}
	if number == 0 {
		if number = h.m.ephemeral(false); number == 0 {
			return eADDRNOTAVAIL
		}
	}
	s.local = poller.AddrOf(netip.AddrPortFrom(from, number))
	h.m.port(portKey{number: number}).enter(shares)
	return eOK
}

// size gives the system's buffers of s their sizes.
func (s *stream) size(h *Host) {
	s.recvCap, s.sendCap = int(s.opt.recvBuffer), int(s.opt.sendBuffer)
	if h.strikes(SmallBuffer, h.m, h.m, s.conn.port, &s.peer) {
		draw := func() int { return 4<<10 + int(h.w.dice.below(die(SmallBuffer), 8<<10)) }
		s.recvCap, s.sendCap = min(s.recvCap, draw()), min(s.sendCap, draw())
	}
}

func (c *conn) happen(k kind, _ int64) {
	a := &c.ends[0]
	switch {
	case a.gone || a.answered:
	case k == evSyn:
		c.requested()
	case c.tries == synSends:
		a.answer(eTIMEDOUT)
	default:
		c.request()
	}
}

// request sends the request to connect.
func (c *conn) request() {
	a := &c.ends[0]
	h := a.h
	c.tries++
	if c.to == nil || c.lost {
		c.retry()
		return
	}
	if c.tries == 1 && !c.unixDomain() && h.strikes(Timeout, h.m, c.to, c.port, &a.peer) {
		c.lost = true
		c.retry()
		return
	}
	l := h.m.link(c.to)
	if !c.unixDomain() {
		l.mayPart(h, c.to, c.port)
	}
	if c.to.off || !l.up() || !l.back.up() {
		c.retry()
		return
	}
	c.w.queue.push(l.arrival(0), evSyn, c, 0)
}

// retry waits for an answer that does not come.
func (c *conn) retry() {
	c.w.queue.push(c.w.now+synWait<<(c.tries-1), evSynRetry, c, 0)
}

// requested is the request's arrival.
func (c *conn) requested() {
	a := &c.ends[0]
	back := c.to.link(a.h.m)
	if c.to.off || !back.up() {
		c.retry()
		return
	}
	l := c.to.listenerFor(c.dest)
	if l == nil || a.h.strikes(Refuse, a.h.m, c.to, c.port, &a.peer) {
		c.w.queue.push(back.arrival(0), evAnswer, a, int64(eCONNREFUSED))
		return
	}
	switch full := len(l.waiting) > l.backlog; {
	case full && c.unixDomain():
		c.w.queue.push(back.arrival(0), evAnswer, a, int64(eAGAIN)) // connect(2)
		return
	case full: // Linux drops it, and the peer tries again (listen(2))
		c.retry()
		return
	}
	b := c.end(1)
	b.h, b.family, b.opt = l.h, l.family, l.opt
	b.local, b.peer, b.connected, b.answered = c.dest, a.local, true, true
	if b.family != unixDomain {
		c.to.port(portKey{number: c.port}).enter(b.opt.shares())
	}
	b.size(l.h)
	if !c.unixDomain() {
		c.w.fate(c)
	}
	a.cred, b.cred = l.cred, a.h.cred()
	c.pipes[1].last = back.arrival(0)
	c.w.queue.push(c.pipes[1].last, evAnswer, a, int64(eOK))
	l.waiting = append(l.waiting, b)
	l.wake()
}

// answer is how the dial has ended.
func (s *stream) answer(e errno) {
	if s.gone || s.answered {
		return
	}
	s.answered, s.err = true, e
	if e != eOK {
		s.out().discard()
	}
	s.wake()
}

// drop is the end of s for its process. The system still delivers what it has taken,
// unless it is to abort the connection, or vanishes itself.
func (s *stream) drop(vanish, abort bool) {
	if s.gone {
		return
	}
	s.gone = true
	if s.isOpen() {
		s.remove()
	}
	c, peer := s.conn, s.other()
	known := peer.h != nil // to the peer's system
	switch {
	case s.dead || !known:
		s.out().discard()
	case vanish:
		s.aborted = true
		s.out().stop()
		peer.probe(poller.Never)
	case abort || !s.answered || s.err != eOK:
		c.abort(s)
	default:
		s.out().finish()
	}
	s.in().deafen()
	s.leavePort(!s.aborted && known && !s.dead && s.in().fin != finArrived)
}

// leavePort frees the port. The side that has closed first keeps it for a while.
func (s *stream) leavePort(wait bool) {
	if s.family == unixDomain {
		return
	}
	k := portKey{number: s.local.Port()}
	p := s.h.m.port(k)
	p.exit(s.opt.shares())
	if wait {
		p.wait = s.h.w.now + timeWait
	}
	s.h.m.leave(k)
}

// abort drops what s has sent and resets the peer.
func (c *conn) abort(s *stream) {
	s.aborted = true
	s.out().stop()
	c.reset(s.other())
}

// reset has a reset from the other end's system arrive at one end. It arrives after what
// is under way and was not lost. What would have to be sent again is gone with the
// connection. A reset that is lost itself is not sent again. Then only keep-alive, or the
// answer to what s sends, will tell.
func (c *conn) reset(s *stream) {
	l := s.other().h.m.link(s.h.m)
	if !l.up() || s.h.m.off {
		s.probe(poller.Never)
		return
	}
	c.w.queue.push(max(l.arrival(0), s.in().unbroken), evReset, s, 0)
}

// sever is the network's reset of both ends.
func (c *conn) sever() {
	for i := range c.ends {
		c.reset(&c.ends[i])
	}
}
