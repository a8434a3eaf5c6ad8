package server

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"example.com/pike/examples/chat/line"
	"example.com/pike/tcp"
)

// A client is a connection, and who is behind it.
type client struct {
	s     *Server
	conn  *tcp.Conn
	name  string
	room  *room
	lines line.Splitter
	rest  []byte // input that waits for its turn; while there is some nothing is read
	left  bool   // gone for the others; the connection may still be closing
	place
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
			s.live.touch(c)
		}
	}
	if c.left {
		return nil
	}
	return p
}

// finished is the end of what a client sends. Everything before it has been answered.
func (s *Server) finished(conn *tcp.Conn) {
	c := conn.Context.(*client)
	if c.left {
		return // the connection closes by itself when the rest is sent
	}
	s.leave(c, "end of stream")
	s.ending(c)
	conn.Close()
}

// closed is the last of a connection.
func (s *Server) closed(conn *tcp.Conn, err error) {
	c := conn.Context.(*client)
	if !c.left {
		s.leave(c, fmt.Sprint(err))
	}
	c.remove()
	s.conns--
	s.settle()
}

// leave takes a client away from the others, and its name from it.
func (s *Server) leave(c *client, reason string) {
	s.log.Debug("left", "name", c.name, "reason", reason)
	c.left = true
	c.remove()
	delete(s.names, fold(c.name))
	s.part(c)
	if c.rest != nil {
		c.rest = nil
		c.conn.ResumeRead() // or its end would not be seen
	}
}

// see sends a client its last line and then the end of the stream, for it to close: a server that closes first may
// destroy what the client has not read yet (RFC 1122, 4.2.2.13).
func (s *Server) see(c *client, text string) {
	c.tellf("%s", text)
	c.conn.CloseWrite()
	s.ending(c)
}

// ending bounds the time of a connection that is to close, and the number of such.
func (s *Server) ending(c *client) {
	s.leaving.push(c)
	if s.leaving.n > s.most && !s.closing {
		s.cut(s.leaving.first)
	}
}

// cut ends a connection whatever it has not read.
func (s *Server) cut(c *client) {
	c.remove()
	c.conn.Abort()
}

// slow ends a client that leaves more unread than it may: what was written to it has been sent by now, as far as its
// system takes it. Telling the others may be too much for more of them, who are then next.
func (s *Server) slow(conn *tcp.Conn) {
	if c := conn.Context.(*client); !c.left {
		s.drop(c, "more than 1 MiB unread")
		conn.Abort()
	}
}

// idled ends a client that has sent no line for Options.Idle.
func (s *Server) idled(c *client) {
	s.drop(c, "idle")
	s.see(c, fmt.Sprintf("! nothing came from you for %v: goodbye", s.idle))
}

// overdue ends a connection that has had its time to close.
func (s *Server) overdue(c *client) {
	s.log.Debug("cut off while closing", "addr", c.conn.RemoteAddr())
	s.cut(c)
}

// drop is leave for a reason that whoever runs the server should know.
func (s *Server) drop(c *client, reason string) {
	s.log.Info("dropped", "name", c.name, "addr", c.conn.RemoteAddr(),
		"reason", reason, "unread", c.conn.Buffered())
	s.leave(c, reason)
}
