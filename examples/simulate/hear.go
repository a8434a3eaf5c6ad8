package main

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"example.com/pike/poller"
	"example.com/pike/tcp"
)

// A stay is the time that a session is in a room. It begins with the notice of joining. Then comes what the room
// remembers, and then what is said.
type stay struct {
	room  string
	from  poller.Time // when the notice came
	until poller.Time // when the last line was sent that was answered in the stay
	got   []uint64    // set of ids of messages
	last  []int32     // by session, the id of its last message
}

// read is OnRead.
func (s *session) read(_ *tcp.Conn, p []byte) {
	for s.p.w.Err() == nil {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		if !whole {
			s.begun = append(s.begun, p...)
			return
		}
		if len(s.begun) > 0 {
			s.begun = append(s.begun, line...)
			s.hears(string(s.begun))
			s.begun = s.begun[:0]
		} else {
			s.hears(string(line))
		}
		p = rest
	}
}

// hears takes a line of the server. The server must have had a reason to send it.
func (s *session) hears(line string) {
	ok := false
	switch {
	case s.guest == "" && line != "* the server is shutting down":
		guest, welcome := cutBoth(line, "* welcome, ", "; /help lists the commands")
		s.guest = guest
		ok = welcome && (guest == s.name || strings.HasPrefix(guest, "guest-")) && s.answeredBy(aWelcome, "")
		if ok && guest == s.name { // its /nick came in time, so that nobody is told of a guest
			s.answers = slices.DeleteFunc(s.answers, func(a answer) bool { return a.kind == aNamed })
		}
	case strings.HasPrefix(line, "[#"):
		ok = s.hearsRoom(line[1:])
	case strings.HasPrefix(line, "["):
		ok = s.hearsWhisper(line[1:])
	case strings.HasPrefix(line, "* "):
		ok = s.hearsNotice(line, line[2:])
	case strings.HasPrefix(line, "! unknown command "):
		mark, whole := cutBoth(line, "! unknown command ", "; /help lists the commands")
		ok = whole && s.answeredBy(aMark, mark)
	case strings.HasPrefix(line, "! nobody here is called "):
		if len(s.answers) > 0 && s.answers[0].kind == aWhisper {
			m := s.answers[0].m
			m.refused = line == "! nobody here is called "+m.to.name
			ok = m.refused && s.answeredBy(aWhisper, "")
		}
	}
	if !ok {
		s.p.w.Errorf("%s heard %s, which nobody said to it; it waits for %s", s.name, brief(line), s.waitsFor())
		return
	}
	if s.last > 0 && !s.leaving && len(s.answers) == 0 {
		s.leave(s.p.w.Rand().IntN(4))
	}
}

// answeredBy checks whether a line is the answer that is due first. Such an answer acknowledges everything sent before.
func (s *session) answeredBy(k kind, text string) bool {
	if len(s.answers) == 0 || s.answers[0].kind != k || s.answers[0].text != text {
		return false
	}
	a := s.answers[0]
	if s.answers = s.answers[1:]; len(s.answers) == 0 {
		s.answers = nil
	}
	for ; s.acked < a.sent; s.acked++ {
		s.sent[s.acked].ackedAt = s.c.time()
	}
	s.answered = a.at
	if s.stay != nil && k != aJoined {
		s.stay.until = a.at
	}
	return true
}

// hearsNotice takes a line that begins with "* ".
func (s *session) hearsNotice(line, text string) bool {
	switch text {
	case "goodbye":
		return s.answeredBy(aGoodbye, "")
	case "the server is shutting down":
		s.dismissed = true
		return s.c.time() >= s.p.shutdown
	}
	if list, ok := strings.CutPrefix(text, "in "); ok {
		room, names, ok := strings.Cut(list, ": ")
		return ok && s.room() == room && strings.Contains(", "+names+", ", ", "+s.name+", ") && s.answeredBy(aWho, room)
	}
	if who, room, ok := strings.Cut(text, " joined "); ok {
		return s.hearsJoin(who, room)
	}
	if who, room, ok := strings.Cut(text, " left "); ok {
		return s.known(who) && who != s.name && s.room() == room
	}
	old, name, ok := strings.Cut(text, " is now ")
	if ok && name == s.name {
		return old == s.guest && s.answeredBy(aNamed, "")
	}
	return ok && s.room() != "" && s.known(old) && s.known(name)
}

func (s *session) hearsJoin(who, room string) bool {
	if who != s.name && who != s.guest {
		return s.known(who) && s.room() == room
	}
	if !s.answeredBy(aJoined, room) {
		return false
	}
	s.stay = &stay{room: room, from: s.c.time(), last: make([]int32, len(s.p.sessions)+8)}
	s.stays = append(s.stays, s.stay)
	return true
}

// hearsRoom takes "#room] NAME: TEXT": once in a stay, and in the order of NAME.
func (s *session) hearsRoom(line string) bool {
	room, line, _ := strings.Cut(line, "] ")
	name, text, _ := strings.Cut(line, ": ")
	m := s.p.find(text)
	if m == nil || m.to != nil || m.from.name != name || m.room != room || s.room() != room {
		return false
	}
	s.p.told++
	return s.stay.take(m)
}

func (t *stay) take(m *message) bool {
	for len(t.got) <= m.id/64 {
		t.got = append(t.got, 0)
	}
	for len(t.last) <= m.from.id {
		t.last = append(t.last, 0)
	}
	if t.has(m) || m.id < int(t.last[m.from.id]) {
		return false
	}
	t.got[m.id/64] |= 1 << (m.id % 64)
	t.last[m.from.id] = int32(m.id)
	return true
}

func (t *stay) has(m *message) bool {
	return m.id/64 < len(t.got) && t.got[m.id/64]&(1<<(m.id%64)) != 0
}

// hearsWhisper takes "NAME -> OTHER] TEXT", as the one or the other.
func (s *session) hearsWhisper(line string) bool {
	from, line, _ := strings.Cut(line, " -> ")
	to, text, _ := strings.Cut(line, "] ")
	m := s.p.find(text)
	if m == nil || m.to == nil || m.from.name != from || m.to.name != to {
		return false
	}
	if m.from == s {
		return len(s.answers) > 0 && s.answers[0].m == m && s.answeredBy(aWhisper, "")
	}
	s.p.told++
	again := m.got
	m.got = true
	return m.to == s && !again
}

func (s *session) room() string {
	if s.stay == nil {
		return ""
	}
	return s.stay.room
}

// known reports whether a name is one that somebody has, or had.
func (s *session) known(name string) bool {
	return s.p.byName[name] != nil || strings.HasPrefix(name, "guest-")
}

// find is the message of a text, nil if nobody has sent it.
func (p *party) find(text string) *message {
	number, _, _ := strings.Cut(text, " ")
	id, err := strconv.Atoi(number)
	if err != nil || id < 0 || id >= len(p.messages) || p.messages[id].text != text {
		return nil
	}
	return p.messages[id]
}

func cutBoth(s, prefix, suffix string) (string, bool) {
	s, before := strings.CutPrefix(s, prefix)
	s, after := strings.CutSuffix(s, suffix)
	return s, before && after
}

// brief quotes a line for an error.
func brief(line string) string {
	if len(line) > 100 {
		return strconv.Quote(line[:100]) + "..."
	}
	return strconv.Quote(line)
}
