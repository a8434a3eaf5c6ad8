package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"example.com/pike/poller"
	"example.com/pike/tcp"
)

// A session is one connection of a client, from its dial to its OnClose. No other session has its name.
type session struct {
	p    *party
	c    *client
	id   int
	name string
	conn *tcp.Conn

	dialed, opened, closed int
	crashed                bool // its host has, so that nobody saw its end
	leaving                bool // it has asked for the end
	aborted                bool // by a reset
	dismissed              bool // the server has
	last                   int  // the mark after which it leaves; 0 is none yet

	sent     []*message
	acked    int      // of sent
	answers  []answer // that are due, in this order
	answered poller.Time
	marks    int
	ended    error // what OnClose was told
	endedAt  poller.Time
	heading  string // the room it is in when everything sent is obeyed

	guest string // the name that it was welcomed by, which may be its own
	begun []byte // of a line
	stay  *stay  // where it is, as the server has said
	stays []*stay
}

// A message is a line for a room, or for one other.
type message struct {
	id      int
	from    *session
	to      *session // nil for a room
	room    string
	text    string // begins with the id
	at      poller.Time
	ackedAt poller.Time // when the server was known to have obeyed it; Never for not
	refused bool        // there was no such recipient
	got     bool        // by that
	logged  bool        // in the transcript
}

// An answer is what the server owes for a line.
type answer struct {
	kind kind
	text string // which room or mark
	m    *message
	at   poller.Time // when it was asked for
	sent int         // messages before it
}

type kind uint8

const (
	aWelcome kind = iota
	aJoined
	aNamed
	aMark
	aWho
	aWhisper
	aGoodbye
)

var kinds = [...]string{"a welcome", "the notice of joining", "its name", "the answer to mark", "the list of", "a whisper", "a goodbye"}

// opens begins a connection that was made.
func (s *session) opens(conn *tcp.Conn) {
	s.opened++
	s.conn = conn
	conn.OnRead, conn.OnEOF = s.read, s.ends
	s.heading = rooms[0]
	s.due(aWelcome, "", nil)
	s.due(aJoined, s.heading, nil)
	s.write("/nick ", s.name)
	s.due(aNamed, "", nil)
	s.move(rooms[s.p.w.Rand().IntN(len(rooms))])
	s.say()
	s.mark()
}

func (s *session) write(parts ...string) {
	var b [128]byte
	line := b[:0]
	for _, p := range parts {
		line = append(line, p...)
	}
	// A connection that has failed refuses it, and will say why in OnClose.
	s.conn.Write(append(line, '\n'))
}

func (s *session) due(k kind, text string, m *message) {
	s.answers = append(s.answers, answer{k, text, m, s.c.time(), len(s.sent)})
}

func (s *session) message(to *session) *message {
	n := s.p.w.Rand().IntN(40)
	if s.p.w.Rand().IntN(16) == 0 {
		n = s.p.w.Rand().IntN(len(filler))
	}
	p := s.p
	m := &message{id: len(p.messages), from: s, to: to, room: s.heading, at: s.c.time(), ackedAt: poller.Never}
	m.text = strconv.Itoa(m.id) + " " + filler[:n] + "."
	p.messages = append(p.messages, m)
	p.said += len(m.text)
	s.sent = append(s.sent, m)
	return m
}

func (s *session) say() { s.write(s.message(nil).text) }

// whisper sends a private message; the server shows it to both.
func (s *session) whisper(to *session) {
	m := s.message(to)
	s.write("/msg ", to.name, " ", m.text)
	s.due(aWhisper, "", m)
}

// mark sends something that has an answer of its own. That answer acknowledges what was sent before.
func (s *session) mark() {
	s.marks++
	text := "/ack-" + strconv.Itoa(s.marks)
	s.write(text)
	s.due(aMark, text, nil)
}

func (s *session) who() {
	s.write("/who")
	s.due(aWho, s.heading, nil)
}

func (s *session) move(room string) {
	if room == s.heading {
		return
	}
	s.heading = room
	s.write("/join ", room)
	s.due(aJoined, room, nil)
}

// leave ends the connection in one of four ways.
func (s *session) leave(way int) {
	switch way {
	case 0:
		s.write("/quit")
		s.due(aGoodbye, "", nil)
	case 1:
		s.conn.CloseWrite()
	case 2:
		s.conn.Close()
	case 3:
		s.aborted = true
		s.conn.Abort()
	}
	s.leaving = true
}

// ends is OnEOF: the server has a reason, and has said everything before.
func (s *session) ends(conn *tcp.Conn) {
	switch {
	case s.dismissed:
	case !s.leaving:
		s.p.w.Errorf("%s was ended by the server without a word", s.name)
	case len(s.answers) > 0:
		s.p.w.Errorf("%s was ended by the server, which owes it %s", s.name, s.waitsFor())
	case len(s.begun) > 0:
		s.p.w.Errorf("%s was ended in the line %q", s.name, s.begun)
	}
	s.leaving = true
	conn.Close()
}

// closes is OnClose.
func (s *session) closes(_ *tcp.Conn, err error) {
	if s.closed++; s.closed > 1 {
		s.p.w.Errorf("%s closed twice", s.name)
		return
	}
	s.ended, s.endedAt = err, s.c.time()
	if s.opened > 0 && !s.leaving && (err == nil || err == io.EOF) {
		s.p.w.Errorf("%s closed by itself: %v", s.name, err)
	}
	s.c.closed()
}

func (s *session) waitsFor() string {
	if len(s.answers) == 0 {
		return "the end"
	}
	a := s.answers[0]
	return fmt.Sprintf("%s, since %v", strings.TrimSpace(kinds[a.kind]+" "+a.text), a.at.Sub(0))
}
