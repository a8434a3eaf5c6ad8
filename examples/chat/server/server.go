// Package server is a chat server on a loop of pike's. It starts no goroutine, reads no clock but the loop's, and decides
// nothing by the order of a map. So it runs unchanged on a simulated network.
//
//	srv, err := server.Listen(lp, "127.0.0.1:7000", server.Options{})
//	...
//	lp.Shutdown(ctx, 10*time.Second, done) // in a callback: the server says goodbye, and Run returns
//
// # The protocol
//
// Both sides send lines of UTF-8. A line of a client ends in \n or \r\n and has at most 4096 bytes before that. What
// follows the last line end is no line, and is dropped when the client goes. A client begins in #lobby, as guest-N,
// or under the name of its first line if that is /nick NAME and comes within 200 ms.
// A line that begins with / is a command. Any other line goes to the others in the client's room. Blank lines go nowhere.
//
//	/nick NAME       take a name: 1 to 20 letters of ASCII, digits, - and _; guest-N is the server's to give
//	/join #ROOM      go to another room, whose name after the # is made like those of clients; the # may be left out
//	/who [#ROOM]     who is in the room, or in another
//	/rooms           which rooms there are, and how many are in each; /list is the same
//	/msg NAME TEXT   a message that only NAME gets, in whatever room
//	/me TEXT         a message that says what NAME does
//	/also #ROOM      be in another room as well, and speak there
//	/in #ROOM TEXT   a message to a room that the client is in; it speaks there from now on
//	/part #ROOM      leave a room; a client stays in one at least
//	/help [COMMAND]  these commands, or one of them
//	/quit            end; so does the end of the stream, after everything before it was answered
//
// A line of the server is one of these:
//
//	[#room] NAME: TEXT      a message in the room, to everyone there but NAME
//	[#room] * NAME TEXT     what NAME does, likewise
//	[NAME -> OTHER] TEXT    a private message, to both
//	* NAME joined #room     to everyone in the room, NAME included
//	* NAME left #room       to those who stay, for whatever reason NAME left
//	* OLD is now NEW        to everyone in the room, NEW included
//	* ...                   an answer: "* in #lobby: ann, bob" (more such lines where it is long), "* rooms: #lobby (2)"
//	! ...                   what was wrong with something the client sent, or why it is being closed
//
// A client that joins a room gets its last 20 messages, after the notice of joining. Lines are obeyed in their order, so
// an answer means that everything sent before has been done. Names and rooms that differ only in case are the same.
// TEXT never has control characters, or others that a terminal would act upon.
//
// # What it defends
//
// The server drops a client that has more than 1 MiB to read, that takes nothing of what it has to read for a minute, or
// that sends no line for Options.Idle. When all clients together have more than 256 MiB to read, it drops those with most.
//
// One turn of the loop obeys no more lines than readers can be expected to take. The other lines wait, and their senders
// are not read from. So a flood neither drowns the clients that read nor delays the others. The same holds while the
// transcript lags behind.
package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

// Options are what a Server is made with. The zero value is all defaults.
type Options struct {
	// Idle is how long a client may go without sending a line; 0 is DefaultIdle,
	// negative is for ever.
	Idle time.Duration

	// Max is how many clients there may be at a time; 0 is DefaultMax.
	Max int

	// Rate is how many connections are accepted in a second, and how many at once
	// after a quiet second. More wait in the system's backlog. 0 is DefaultRate,
	// negative is no limit.
	Rate float64

	// Layer, if set, is what connections over TCP go through, TLS say.
	Layer poller.Layer

	// Transcript, if set, is written every message, by jobs of loop.Work: off
	// the loop, one at a time and in order.
	Transcript io.Writer

	// Wall tells the time of day, for those who show when something was said; nil is time.Now.
	Wall func() time.Time
}

// The defaults of Options.
const (
	DefaultIdle = 10 * time.Minute
	DefaultMax  = 10_000
	DefaultRate = 1000
)

const (
	lobbyName = "#lobby"
	goodbye   = "* the server is shutting down"
)

// Limits that have no option.
const (
	allMost      = 256 << 20        // bytes that all clients together may leave unread; then those with most are dropped
	lineMost     = 4096             // bytes of a line that a client sends
	unreadMost   = 1 << 20          // bytes that a client may leave unread
	takeTime     = time.Minute      // for a client to take something of what is queued for it
	leaveTime    = 30 * time.Second // for a client to take what it is still sent, and to close
	layeringMost = 1024             // connections that may be in the handshake of a Layer
	leavingMost  = 1024             // connections that may be leaving; of more, the one that began first is cut off
)

// A Server is a chat server. Its methods belong to the loop's goroutine.
type Server struct {
	// OnClose, if set, is called once when the server has ended after Shutdown:
	// its connections are closed, and the transcript is written.
	OnClose func()

	lp     *loop.Loop
	log    *slog.Logger
	ln     *tcp.Listener
	more   []*stream.Listener // Listen's is not one of them
	opts   stream.Options     // of listeners
	max    int
	rate   float64
	idle   time.Duration
	web    *Web // nil without
	wall   func() time.Time
	stamp  int64              // of the last message
	guests uint64             // so far
	names  map[string]*client // by fold
	rooms  map[string]*room   // by fold
	lobby  *room
	used   []*room // those with someone in, and the lobby
	vacant []*room // the others, longest first

	conns   int       // not closed yet
	leaving []*client // those that are to close, by when that began
	most    int       // of those
	full    bool      // clients have been refused since one was not
	pace    pace
	record  transcript

	closing bool // Shutdown was called
	ended   bool
	last    *timer.Timer // of Shutdown

	read func(*tcp.Conn, []byte) // one value for all connections; so are the next two
	eof  func(*tcp.Conn)
	gone func(*tcp.Conn, error)
}

// Listen starts a server on "host:port". It logs to the loop's logger.
func Listen(lp *loop.Loop, addr string, o Options) (*Server, error) {
	if o.Max == 0 {
		o.Max = DefaultMax
	}
	if o.Idle == 0 {
		o.Idle = DefaultIdle
	}
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	s := &Server{lp: lp, log: lp.Logger(), max: o.Max, rate: max(o.Rate, 0), most: leavingMost, idle: o.Idle, wall: o.Wall}
	s.opts = stream.Options{
		MaxConns:     o.Max + 2*leavingMost, // those who are told that the server is full, or leave, have room for that
		AcceptRate:   s.rate,
		Watermarks:   &stream.Watermarks{High: unreadMost + 1, OnHigh: s.slow},
		WriteTimeout: takeTime,
		DrainTimeout: leaveTime,
	}
	secured := s.opts
	secured.Layer, secured.MaxLayering = o.Layer, layeringMost
	ln, err := tcp.Listen(lp, addr, &secured)
	if err != nil {
		return nil, err
	}
	if err := stream.SetLoopLimit(lp, &stream.QueueLimit{Bytes: allMost, Policy: stream.Disconnect}); err != nil {
		ln.Close()
		return nil, err
	}
	s.ln = ln
	s.names, s.rooms = map[string]*client{}, map[string]*room{}
	s.lobby = s.open(lobbyName)
	s.pace.init(s)
	s.record.init(lp, o.Transcript, s.recorded)
	s.last, _ = timer.New(lp, s.hurry)
	s.read, s.eof, s.gone = s.received, s.finished, s.closed
	ln.OnAccept = s.accept
	ln.OnClose = s.Shutdown // which Loop.Shutdown begins with
	return s, nil
}

// ListenUnix serves at a path as well. Who may connect there is a matter of the file's permissions, and of those of its
// folder; nothing is encrypted.
func (s *Server) ListenUnix(path string) error {
	ln, err := unix.Listen(s.lp, path, &s.opts)
	if err != nil {
		return err
	}
	ln.OnAccept = s.accept
	s.more = append(s.more, ln)
	return nil
}

// Addr is the address listened on.
func (s *Server) Addr() netip.AddrPort { return s.ln.LocalAddr().AddrPort }

// Clients is how many clients there are.
func (s *Server) Clients() int { return len(s.names) }

// Unwritten is how many bytes of the transcript have not been written yet.
func (s *Server) Unwritten() int { return s.record.unwritten() }

func (s *Server) accept(conn *tcp.Conn) {
	c := s.newClient(conn)
	c.lines.Max = lineMost
	c.wire = terminal{conn}
	s.conns++
	frame.Split(conn, c.lines.Split, c.lines.Most(), s.read)
	c.wait(nameTime)
}

// newClient is who is behind a connection.
func (s *Server) newClient(conn *tcp.Conn) *client {
	c := &client{s: s, conn: conn}
	c.time, _ = timer.New(s.lp, c.late)
	conn.Context, conn.OnRead, conn.OnEOF, conn.OnClose = c, stream.Discard, s.eof, s.gone
	return c
}

// admit lets a client in under a name, if it may have that, and into rooms. It is false if there are too many already.
func (s *Server) admit(c *client, name string, rooms ...string) bool {
	if len(s.names) >= s.max {
		if !s.full {
			s.log.Warn("full: clients are refused", "max", s.max, "addr", c.conn.RemoteAddr())
		}
		s.full = true
		c.left = true
		s.see(c, fmt.Sprintf("! the server is full: it has %d clients", s.max), byFullness)
		return false
	}
	s.full = false
	wanted := s.mayBe(c, name)
	if c.name = name; name == "" || wanted != "" {
		s.guests++
		c.name = fmt.Sprint(guestPrefix, s.guests)
	}
	s.names[fold(c.name)] = c
	c.wait(c.wire.silence(s.idle))
	s.log.Info("joined", "name", c.name, "addr", c.conn.RemoteAddr(), "clients", len(s.names))
	c.tellf("* welcome, %s; /help lists the commands", c.name)
	if name != "" && wanted != "" {
		c.tellf("! %s", wanted)
	}
	for _, r := range rooms {
		if c.in(r) == nil {
			s.join(c, s.open(r))
		}
	}
	return true
}
