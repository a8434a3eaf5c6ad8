package server

import (
	"time"

	"example.com/pike/tcp"
)

// A wire is how a client gets what the server has for it: by lines, as a terminal, or by messages of WebSocket. Who is in
// which room, what may be said and how much may wait is the same for both.
type wire interface {
	// line sends lines of the server, which end in \n.
	line(text []byte)

	// message sends what somebody has said. echoes reports whether that is sent to who has said it, too.
	message(m message)
	echoes() bool

	// silence is how long nothing may come, where terminals have so much. After that ask asks whether
	// there is somebody; it is false if that cannot be asked, or was, and nothing has come since.
	silence(terminal time.Duration) time.Duration
	ask() bool

	// end says what is to be said before the end of the stream.
	end(by parting)
}

// A parting is why a client goes that the server says goodbye to.
type parting int

const (
	byItself parting = iota
	byIdleness
	byFullness
	byShutdown
)

// A terminal is a wire of lines.
type terminal struct{ conn *tcp.Conn }

func (t terminal) line(text []byte)                      { t.conn.Write(text) }
func (t terminal) message(m message)                     { t.conn.Write(m.text) }
func (t terminal) echoes() bool                          { return false }
func (t terminal) silence(d time.Duration) time.Duration { return d }
func (t terminal) ask() bool                             { return false }
func (t terminal) end(parting)                           {}
