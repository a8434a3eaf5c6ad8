package sim

import "example.com/pike/poller"

// userTimeout is TCP_USER_TIMEOUT: how long what was sent may stay unacknowledged, or
// wait for a peer that has no room (tcp(7)). 0 is none.
func (s *stream) userTimeout() poller.Time { return poller.Time(s.opt.userTimeout) * millisecond }

// giveUp is how long the sender's system goes on trying.
func (p *pipe) giveUp() poller.Time {
	if limit := p.src.userTimeout(); limit > 0 {
		return limit
	}
	return giveUp
}

// again is when the sender's system tries again: after wait, or when the user timeout is
// over if that is earlier (tcp_clamp_rto_to_user_timeout in net/ipv4/tcp_timer.c).
func (p *pipe) again(wait, since poller.Time) poller.Time {
	at := p.conn.w.now + wait
	if limit := p.src.userTimeout(); limit > 0 {
		at = max(p.conn.w.now+millisecond, min(at, since+limit))
	}
	return at
}

// block has the sender wait until the receiver has room for what is queued.
func (p *pipe) block() {
	if p.queued == 0 {
		p.blocked = false
		return
	}
	limit := p.src.userTimeout()
	if !p.blocked && limit > 0 {
		p.waited = p.conn.w.now
		p.conn.w.queue.push(p.waited+limit, evPatience, p, 0)
	}
	p.blocked = true
}

// outOfPatience ends a connection whose receiver has had no room for so long.
func (p *pipe) outOfPatience() {
	limit := p.src.userTimeout()
	switch now := p.conn.w.now; {
	case !p.blocked || limit == 0 || p.stopped || p.src.dead:
	case p.waited+limit > now: // it had some meanwhile
	case p.src.gone:
		p.discard()
	default:
		p.src.dies(eTIMEDOUT)
	}
}
