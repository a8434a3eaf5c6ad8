package client

import (
	"io"

	"example.com/pike/stream"
)

// unsentMost is how many bytes may wait to be sent; above it no more of the input is read.
const unsentMost = 64 << 10

// An input is what is typed, or what comes through a pipe.
type input struct {
	from  io.Reader
	tail  byte          // the last byte of it
	ended bool          // it has
	held  bool          // it waits for the server to read
	more  chan struct{} // lets it be read on
	gone  chan struct{} // closed when nobody is interested in it any more
}

func newInput(from io.Reader) input {
	return input{from: from, tail: '\n', more: make(chan struct{}, 1), gone: make(chan struct{})}
}

// read takes the input to the loop, piece by piece. It runs on a goroutine of its own, because reading from a terminal or
// a pipe blocks, and a file cannot be watched at all.
func (c *client) read() {
	if c.edit != nil {
		defer c.edit.rescue()
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := c.input.from.Read(buf)
		if c.lp.Post(func() { c.say(buf[:n], err) }) != nil || err != nil {
			return
		}
		select { // say must be done with buf
		case <-c.input.more:
		case <-c.input.gone:
			return
		}
	}
}

// say sends a piece of the input, or its end: an unfinished line is finished first, as a user would expect.
func (c *client) say(p []byte, err error) {
	if c.edit != nil {
		c.typed(string(p))
	}
	in := &c.input
	c.conn.Write(p)
	if len(p) > 0 {
		in.tail = p[len(p)-1]
	}
	switch {
	case err != nil:
		in.ended = true
		if in.tail != '\n' {
			c.conn.Write([]byte{'\n'})
		}
		c.restore() // so that Ctrl-C is a signal again, should the server not close
		c.conn.CloseWrite()
	case c.conn.Buffered() > unsentMost:
		in.held = true
	default:
		in.more <- struct{}{}
	}
}

// sent is when the system has taken what we said.
func (c *client) sent(*stream.Conn) {
	if c.input.held {
		c.input.held = false
		c.input.more <- struct{}{}
	}
}
