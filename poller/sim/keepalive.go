package sim

import "example.com/pike/poller"

// probe has keep-alive find out that the peer does not answer before until. It does nothing
// if the peer will answer again before the first probe is due. Only connections in doubt are
// probed, because the probes of others would change nothing.
func (s *stream) probe(until poller.Time) {
	if s.h == nil || !s.opt.keepAlive || s.probing || s.gone || s.dead || !s.answered {
		return
	}
	first := s.h.w.now + poller.Time(s.opt.idle)*second
	if until < first {
		return
	}
	s.probing, s.probes, s.quiet = true, 0, s.h.w.now
	s.h.w.queue.push(first, evProbe, s, 0)
}

// probed is the time for the next probe.
func (s *stream) probed() {
	s.probing = false
	if s.gone || s.dead {
		return
	}
	peer := s.other()
	l := s.h.m.link(peer.h.m)
	if !peer.h.m.off && l.up() && l.back.up() {
		if peer.aborted {
			s.dies(eCONNRESET)
		}
		return
	}
	// If there is a user timeout it decides, and not the count of probes
	// (tcp_keepalive_timer in net/ipv4/tcp_timer.c).
	s.probes++
	over := s.probes > s.opt.count
	if limit := s.userTimeout(); limit > 0 {
		over = s.probes > 1 && s.h.w.now-s.quiet >= limit
	}
	if over {
		s.dies(eTIMEDOUT)
		return
	}
	s.probing = true
	s.h.w.queue.push(s.h.w.now+poller.Time(s.opt.interval)*second, evProbe, s, 0)
}
