package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"example.com/pike/poller/sim"
)

// The server cuts off a client that leaves this much unread, or has not read to the end this long after a shutdown.
const (
	unreadMost = 1 << 20
	shutMost   = 1200 * time.Millisecond
)

// check looks at a whole world when it is over. Each connection has checked by itself that it is told nothing wrong.
func (p *party) check() error {
	for _, s := range p.sessions {
		if s.crashed {
			continue
		}
		if s.dialed != 1 || s.closed != 1 {
			return fmt.Errorf("%s: %d results of its dial and %d closes", s.name, s.dialed, s.closed)
		}
	}
	if err := p.checkEnds(); err != nil {
		return err
	}
	for _, s := range p.sessions {
		for _, t := range s.stays {
			if err := p.complete(s, t); err != nil {
				return err
			}
		}
	}
	if err := p.checkWhispers(); err != nil {
		return err
	}
	return p.checkTranscript()
}

// checkEnds holds that a connection ends in order if nothing has broken it. A server must not close one whose client has
// not got everything, or still sends: that would reset it (RFC 1122, 4.2.2.13).
func (p *party) checkEnds() error {
	hits := p.w.Hits()
	if hits[sim.Reset]+hits[sim.Crash]+hits[sim.DropUnread] > 0 || 2*p.said > unreadMost {
		return nil
	}
	for _, s := range p.sessions {
		if s.guest != "" && !s.aborted && errors.Is(s.ended, syscall.ECONNRESET) && s.endedAt < p.shutdown.Add(shutMost) {
			return fmt.Errorf("%s was reset at %v, and nothing has broken its connection", s.name, s.endedAt.Sub(0))
		}
	}
	return nil
}

// complete holds that a stay has every message that was acknowledged while it lasted. Such a message was sent after the
// notice of joining had come. The server obeyed it before a line was sent that was answered in the stay.
func (p *party) complete(s *session, t *stay) error {
	for _, m := range p.messages {
		if m.to != nil || m.room != t.room || m.at < t.from || m.ackedAt > t.until || m.from == s {
			continue
		}
		if p.owed++; !t.has(m) {
			return fmt.Errorf("lost: %s, in %s from %v to %v, never got %s of %s, sent at %v and acknowledged at %v",
				s.name, t.room, t.from.Sub(0), t.until.Sub(0), brief(m.text), m.from.name, m.at.Sub(0), m.ackedAt.Sub(0))
		}
	}
	return nil
}

func (p *party) checkWhispers() error {
	for _, m := range p.messages {
		switch {
		case m.to == nil:
		case m.got && m.refused:
			return fmt.Errorf("%s got %s, of which %s was told that it did not", m.to.name, brief(m.text), m.from.name)
		case m.refused || m.ackedAt > m.to.answered:
		default:
			if p.owed++; !m.got {
				return fmt.Errorf("lost: %s never got %s of %s, acknowledged at %v",
					m.to.name, brief(m.text), m.from.name, m.ackedAt.Sub(0))
			}
		}
	}
	return nil
}

// checkTranscript holds that the transcript has everything that was acknowledged, once and in the sender's order. After a
// crash some may be missing.
func (p *party) checkTranscript() error {
	last := make([]int, len(p.sessions))
	for line := range strings.Lines(p.page.String()) {
		line = strings.TrimSuffix(line, "\n")
		_, text, _ := strings.Cut(line, "] ")
		if strings.HasPrefix(line, "[#") {
			_, text, _ = strings.Cut(text, ": ")
		}
		m := p.find(text)
		if m == nil || m.logged || m.id < last[m.from.id] {
			return fmt.Errorf("the transcript has %s, which was not said or stands there out of order", brief(line))
		}
		m.logged, last[m.from.id] = true, m.id
	}
	for _, m := range p.messages {
		if !m.logged && !m.refused && !p.crashed && m.ackedAt < p.shutdown {
			return fmt.Errorf("lost: the transcript lacks %s of %s, acknowledged at %v", brief(m.text), m.from.name, m.ackedAt.Sub(0))
		}
	}
	return nil
}
