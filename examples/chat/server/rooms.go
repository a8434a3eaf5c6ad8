package server

import (
	"fmt"
	"slices"
)

const roomsMost = 16 // rooms that a client may be in

// in is the room of that name if c is in it.
func (c *client) in(name string) *room {
	key := fold(name)
	for _, r := range c.rooms {
		if fold(r.name) == key {
			return r
		}
	}
	return nil
}

// also puts c into one more room.
func (s *Server) also(c *client, name string) {
	switch {
	case !validRoom(name):
		c.wrongRoom()
	case c.in(name) != nil:
		c.tellf("! you are in %s already", c.in(name).name)
	case len(c.rooms) == roomsMost:
		c.tellf("! you are in %d rooms, and nobody may be in more", roomsMost)
	default:
		s.join(c, s.open(name))
	}
}

// away takes c out of one of its rooms.
func (s *Server) away(c *client, name string) {
	r := c.in(name)
	switch {
	case !validRoom(name):
		c.wrongRoom()
	case r == nil:
		c.tellf("! you are not in %s", name)
	case len(c.rooms) == 1:
		c.tellf("! you are in no other room; /join #ROOM goes to one")
	default:
		s.part(c, r)
		if c.room == nil {
			c.room = c.rooms[len(c.rooms)-1]
		}
		c.tellf("* you left %s, and speak in %s", r.name, c.room.name)
	}
}

// sayIn has c speak in one of its rooms, from now on.
func (s *Server) sayIn(c *client, arg string) {
	name, text := word(arg)
	r := c.in(name)
	switch {
	case !validRoom(name):
		c.tellf("! it is /in #ROOM TEXT")
	case r == nil:
		c.tellf("! you are not in %s", name)
	case text == "":
		c.room = r
		c.tellf("* you speak in %s", r.name)
	default:
		if clean, ok := c.clean(text); ok {
			c.room = r
			s.say(c, r, clean)
		}
	}
}

func (s *Server) who(c *client, name string) {
	r := c.room
	if name != "" {
		if r = s.rooms[fold(name)]; !validRoom(name) || r == nil || len(r.members) == 0 {
			c.tellf("! nobody is in %s", quote(name))
			return
		}
	}
	c.list("* in "+r.name+": ", len(r.members), func(i int) string { return r.members[i].name })
}

func (c *client) wrongRoom() {
	c.tellf("! a room is # and 1 to %d letters (a to z), digits, - and _", nameMost)
}

// renamed tells everyone who is in a room with c, each once.
func (s *Server) renamed(c *client, old string) {
	text := fmt.Appendf(nil, "* %s is now %s\n", old, c.name)
	for i, r := range c.rooms {
		s.pace.spend(len(text), len(r.members))
		for _, to := range r.members {
			told := slices.ContainsFunc(c.rooms[:i], func(before *room) bool { return slices.Contains(to.rooms, before) })
			if !told {
				to.send(text)
			}
		}
	}
}
