package server

import (
	"fmt"
	"slices"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// wait gives c so much time; 0, or less, is for ever.
func (c *client) wait(d time.Duration) {
	if d > 0 {
		c.time.Reset(d)
	}
}

// late is called when the time of c is over.
func (c *client) late() {
	if c.outside() {
		c.s.enter(c, nil)
		return
	}
	if !c.left {
		if c.wire.ask() {
			c.wait(answerTime)
			return
		}
		c.s.drop(c, "idle")
		c.s.see(c, fmt.Sprintf("! nothing came from you for %v: goodbye", c.wire.silence(c.s.idle)), byIdleness)
		return
	}
	c.s.log.Debug("cut off while closing", "addr", c.conn.RemoteAddr())
	c.s.cut(c)
}

// slow ends a client that leaves more unread than it may. What was written to it has been sent by now, as far as its
// system takes it. Telling the others may be too much for more of them, who are then next.
func (s *Server) slow(conn *tcp.Conn) {
	if c := conn.Context.(*client); !c.left {
		s.drop(c, "more than 1 MiB unread")
		conn.Abort()
	}
}

// drop is what the server does to a client.
func (s *Server) drop(c *client, reason string) {
	s.log.Info("dropped", "name", c.name, "addr", c.conn.RemoteAddr(),
		"reason", reason, "unread", c.conn.Buffered())
	s.remove(c)
}

// leave is what a client does by itself, or its connection.
func (s *Server) leave(c *client, reason string) {
	if !c.outside() {
		s.log.Info("left", "name", c.name, "reason", reason)
	}
	s.remove(c)
}

// remove takes a client away from the others, and its name from it.
func (s *Server) remove(c *client) {
	c.left = true
	c.time.Stop()
	delete(s.names, fold(c.name))
	for len(c.rooms) > 0 {
		s.part(c, c.rooms[0])
	}
	c.conn.OnRead = stream.Discard
	if c.waits {
		c.conn.ResumeRead() // or its end would not be seen
	}
}

// see sends a client its last line and then the end of the stream, and leaves it to the client to close: a server that
// closes first may destroy what the client has not read yet (RFC 1122, 4.2.2.13).
func (s *Server) see(c *client, text string, by parting) {
	c.tellf("%s", text)
	c.wire.end(by)
	c.conn.CloseWrite()
	s.ending(c)
}

// ending bounds the time of a connection that is to close, and the number of such connections.
func (s *Server) ending(c *client) {
	c.wait(leaveTime)
	s.leaving = append(s.leaving, c)
	if len(s.leaving) > s.most && !s.closing {
		s.cut(s.leaving[0])
	}
}

// cut ends a connection, whatever its client has not read.
func (s *Server) cut(c *client) {
	s.forget(c)
	c.conn.Abort()
}

// forget bounds the time of c no more.
func (s *Server) forget(c *client) {
	c.time.Stop() // an armed timer would keep the loop running
	if i := slices.Index(s.leaving, c); i >= 0 {
		s.leaving = slices.Delete(s.leaving, i, i+1)
	}
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
	s.forget(c)
	s.conns--
	s.settle()
}
