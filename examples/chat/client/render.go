package client

import (
	"hash/fnv"
	"strings"
	"time"
)

// A look is how lines look to a person.
type look struct {
	colours bool
	now     func() time.Time
}

// Colours are parameters of SGR (ECMA-48, 8.3.117), of those eight that every terminal has.
const (
	faint   = "2"
	bold    = "1"
	red     = "31"
	magenta = "35"
)

// hands are the colours of names. Red is of errors, magenta of what is private.
var hands = [...]string{"32", "33", "34", "36"}

// paint gives a text a colour.
func (k *look) paint(colour, text string) string {
	if !k.colours || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// name is a name, always in the same colour.
func (k *look) name(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return k.paint(hands[h.Sum32()%uint32(len(hands))], name)
}

// margin has the width of a time.
const margin = "      "

// time is the time of now, or nothing for what was said before.
func (k *look) time(history bool) string {
	if history {
		return margin
	}
	return k.paint(faint, k.now().Format("15:04 "))
}

// message shows what somebody has said: the room is named if it is not that of the view.
func (k *look) message(v *view, m message) string {
	text := m.text
	if m.from != v.me && mentions(text, v.me) {
		text = k.paint(bold, text)
	}
	where := ""
	if !strings.EqualFold(m.room, v.room) {
		where = "[" + m.room + "] "
	}
	switch {
	case m.to != "":
		return k.time(false) + k.paint(magenta, "["+m.from+" -> "+m.to+"]") + " " + text
	case m.deed:
		return k.time(v.history) + where + "* " + k.name(m.from) + " " + text
	}
	return k.time(v.history) + where + k.name(m.from) + ": " + text
}

// mentions reports whether a name is a word of a text.
func mentions(text, name string) bool {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !nameRune(r) }) {
		if strings.EqualFold(word, name) {
			return true
		}
	}
	return false
}

func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// present shows a line of the server to a person.
func (c *client) present(text string) error {
	v, k := &c.view, &c.edit.look
	m, said := parse(text)
	switch {
	case said:
		text = k.message(v, m)
	case strings.HasPrefix(text, "!"):
		text = margin + k.paint(red, text)
	default:
		switch v.note(text) {
		case arrival: // who is there ends what was said before as well
			c.conn.WriteString("/who\n")
			fallthrough
		case coming:
			text = k.time(false) + k.paint(faint, text)
		default:
			text = margin + text
		}
	}
	return c.edit.show(text, v.prompt())
}
