package server

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"example.com/pike/examples/chat/line"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A client is a connection, and who is behind it.
type client struct {
	s     *Server
	conn  *tcp.Conn
	name  string
	room  *room
	lines line.Splitter
	rest  []byte       // input that waits for its turn; while there is some nothing is read
	left  bool         // gone for the others; the connection may still be closing
	time  *timer.Timer // for the next line, and once it has left for the rest
}

// send queues a line that ends in \n.
func (c *client) send(text []byte) { c.conn.Write(text) }

// tellf answers c.
func (c *client) tellf(format string, args ...any) {
	text := fmt.Appendf(nil, format+"\n", args...)
	c.s.pace.spend(len(text), 1)
	c.send(text)
}

// received obeys what arrived, as far as this turn allows.
func (s *Server) received(conn *tcp.Conn, p []byte) {
	c := conn.Context.(*client)
	if rest := s.obey(c, p); len(rest) > 0 {
		c.rest = slices.Clone(rest) // p is the loop's
		conn.PauseRead()
		s.pace.later(c)
	}
}

// obey takes the lines off p one by one and returns what is left when c has had its turn.
func (s *Server) obey(c *client, p []byte) (rest []byte) {
	lines := 0
	for ; len(p) > 0 && !c.left; lines++ {
		if lines == linesPerTurn || s.pace.spent() {
			break
		}
		var kind line.Kind
		var text []byte
		kind, text, p = c.lines.Next(p)
		switch {
		case kind == line.TooLong:
			c.tellf("! a line has at most %d bytes; that one was dropped", lineMost)
		case kind == line.Whole && !utf8.Valid(text):
			c.tellf("! that line is not valid UTF-8, and was dropped")
		case kind == line.Whole:
			s.line(c, string(text))
		}
		if kind == line.Whole && !c.left {
			c.wait(s.idle)
		}
	}
	if c.left {
		return nil
	}
	return p
}
