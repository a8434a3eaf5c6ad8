package server

import (
	"time"

	"example.com/pike/stream"
)

// nameTime is how long a terminal has to begin with /nick NAME, which then joins under that name, and never as a guest.
// Programs send that at once; to people it is no delay. Who looks only whether the port is open is seen by nobody.
const nameTime = 200 * time.Millisecond

// enter lets a terminal in, by its first line, or none if its time is over. It is true if nothing is left to be done for
// that line.
func (s *Server) enter(c *client, first []byte) bool {
	c.time.Stop() // Options.Idle may be for ever
	command, name := word(string(first))
	if command != "/nick" {
		name = ""
	}
	switch {
	case s.closing:
		c.left = true
		s.see(c, goodbye, byShutdown)
	case s.admit(c, name, lobbyName):
		return name != ""
	}
	c.conn.OnRead = stream.Discard
	return true
}

// outside reports whether c has not been let in yet.
func (c *client) outside() bool { return c.name == "" && !c.left }
