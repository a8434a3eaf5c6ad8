package server

import (
	"fmt"
	"slices"
)

const (
	historyMost = 20 // messages that a room remembers
	vacantMost  = 64 // empty rooms that are remembered
)

// A room is some clients, in the order in which they joined, and the last messages.
type room struct {
	name    string // with its #
	members []*client
	history []message
}

// A message is what somebody has said.
type message struct {
	id   int64 // of no other; the time in milliseconds of Unix, or shortly after it
	text []byte
}

// message makes one.
func (s *Server) message(text []byte) message {
	s.stamp = max(s.stamp+1, s.wall().UnixMilli())
	return message{s.stamp, text}
}

// open returns the room of that name, which may be new.
func (s *Server) open(name string) *room {
	key := fold(name)
	r := s.rooms[key]
	if r == nil {
		r = &room{name: name}
		s.rooms[key] = r
		s.used = append(s.used, r)
	} else if i := slices.Index(s.vacant, r); i >= 0 {
		s.vacant = slices.Delete(s.vacant, i, i+1)
		s.used = append(s.used, r)
	}
	return r
}

// join puts c, which is not in r, into it.
func (s *Server) join(c *client, r *room) {
	c.room = r
	c.rooms = append(c.rooms, r)
	r.members = append(r.members, c)
	s.announce(r, "* %s joined %s\n", c.name, r.name)
	for _, m := range r.history {
		s.pace.spend(len(m.text), 1)
		c.wire.message(m)
	}
}

// part takes c out of r and tells those who stay.
func (s *Server) part(c *client, r *room) {
	i := slices.Index(r.members, c)
	r.members = slices.Delete(r.members, i, i+1)
	i = slices.Index(c.rooms, r)
	c.rooms = slices.Delete(c.rooms, i, i+1)
	if c.room == r {
		c.room = nil
	}
	if s.closing {
		return // everyone leaves
	}
	s.announce(r, "* %s left %s\n", c.name, r.name)
	if len(r.members) == 0 && r != s.lobby {
		s.vacate(r)
	}
}

// vacate remembers an empty room, and forgets the one that has been empty longest if there are too many.
func (s *Server) vacate(r *room) {
	r.members = nil
	i := slices.Index(s.used, r)
	s.used = slices.Delete(s.used, i, i+1)
	s.vacant = append(s.vacant, r)
	if len(s.vacant) > vacantMost {
		delete(s.rooms, fold(s.vacant[0].name))
		s.vacant = slices.Delete(s.vacant, 0, 1)
	}
}

// announce tells everyone in r.
func (s *Server) announce(r *room, format string, args ...any) {
	text := fmt.Appendf(nil, format, args...)
	s.pace.spend(len(text), len(r.members))
	for _, c := range r.members {
		c.send(text)
	}
}

// say is a message of c to r, and do is one that /me makes. No name is *.
func (s *Server) say(c *client, r *room, text []byte) { s.speak(c, r, "[%s] %s: %s\n", text) }
func (s *Server) do(c *client, r *room, text []byte)  { s.speak(c, r, "[%s] * %s %s\n", text) }

func (s *Server) speak(c *client, r *room, format string, text []byte) {
	m := s.message(fmt.Appendf(nil, format, r.name, c.name, text))
	if len(r.history) == historyMost {
		r.history = slices.Delete(r.history, 0, 1)
	}
	r.history = append(r.history, m)
	s.record.add(m.text)
	s.pace.spend(len(m.text), len(r.members))
	for _, to := range r.members {
		if to != c || c.wire.echoes() {
			to.wire.message(m)
		}
	}
}
