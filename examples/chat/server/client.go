package server

import (
	"fmt"
	"unicode/utf8"

	"example.com/pike/examples/chat/line"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A client is a connection, and who is behind it.
type client struct {
	s     *Server
	conn  *tcp.Conn
	wire  wire
	name  string
	room  *room   // where it speaks
	rooms []*room // all that it is in, room included
	lines line.Splitter
	turn  int          // lines obeyed since it last waited
	waits bool         // for another turn; until then nothing is read
	held  []byte       // the line that waits, if one does; the others are unread
	left  bool         // gone for the others; the connection may still be closing
	time  *timer.Timer // for the next line, and once it has left for the rest
}

// send queues a line that ends in \n.
func (c *client) send(text []byte) { c.wire.line(text) }

// tellf answers c.
func (c *client) tellf(format string, args ...any) {
	text := fmt.Appendf(nil, format+"\n", args...)
	c.s.pace.spend(len(text), 1)
	c.send(text)
}

// received obeys a line, or has it wait for its turn.
func (s *Server) received(conn *tcp.Conn, text []byte) {
	c := conn.Context.(*client)
	switch {
	case c.lines.TooLong:
		if c.outside() {
			s.enter(c, nil)
		}
		c.tellf("! a line has at most %d bytes; that one was dropped", lineMost)
	case s.pace.spent():
		c.held = append([]byte{}, text...) // it is the loop's
		s.pace.later(c)
		return
	default:
		s.obey(c, text)
	}
	if c.turn++; c.turn == linesPerTurn && !c.left {
		s.pace.later(c)
	}
}

// obey does what a line asks for.
func (s *Server) obey(c *client, text []byte) {
	if c.outside() && s.enter(c, text) {
		return
	}
	if utf8.Valid(text) {
		s.line(c, string(text))
	} else {
		c.tellf("! that line is not valid UTF-8, and was dropped")
	}
	if !c.left {
		c.wait(c.wire.silence(s.idle))
	}
}
