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
	history [][]byte
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

// join puts c, which is in no room, into r.
func (s *Server) join(c *client, r *room) {
	c.room = r
	r.members = append(r.members, c)
	s.announce(r, "* %s joined %s\n", c.name, r.name)
	for _, text := range r.history {
		s.pace.spend(len(text), 1)
		c.send(text)
	}
}

// part takes c out of its room and tells those who stay.
func (s *Server) part(c *client) {
	r := c.room
	i := slices.Index(r.members, c)
	r.members = slices.Delete(r.members, i, i+1)
	c.room = nil
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
	s.broadcast(r, fmt.Appendf(nil, format, args...), nil)
}

// say is a message of c to the others, and do is one that /me makes. No name is *.
func (s *Server) say(c *client, text []byte) { s.speak(c, "[%s] %s: %s\n", text) }
func (s *Server) do(c *client, text []byte)  { s.speak(c, "[%s] * %s %s\n", text) }

func (s *Server) speak(c *client, format string, text []byte) {
	r := c.room
	message := fmt.Appendf(nil, format, r.name, c.name, text)
	if len(r.history) == historyMost {
		r.history = slices.Delete(r.history, 0, 1)
	}
	r.history = append(r.history, message)
	s.record.add(message)
	s.broadcast(r, message, c)
}

func (s *Server) broadcast(r *room, text []byte, except *client) {
	s.pace.spend(len(text), len(r.members))
	for _, c := range r.members {
		if c != except {
			c.send(text)
		}
	}
}
