package client

import (
	"slices"
	"strings"
)

// A view is what the lines of the server have told so far. The protocol is in the comment of package server.
type view struct {
	me      string
	room    string
	people  []string // in the room, me included
	rooms   []string
	history bool // what comes was said before: from joining a room to the answer that says who is there
}

// A message is a line that somebody has said.
type message struct {
	room, from, to string // to is of a private one, which has no room
	text           string
	deed           bool // by /me
}

// parse takes a message apart.
func parse(text string) (m message, ok bool) {
	text, ok = strings.CutPrefix(text, "[")
	if !ok {
		return m, false
	}
	head, rest, ok := strings.Cut(text, "] ")
	if !ok {
		return m, false
	}
	if from, to, private := strings.Cut(head, " -> "); private {
		return message{from: from, to: to, text: rest}, true
	}
	m.room = head
	if rest, m.deed = strings.CutPrefix(rest, "* "); m.deed {
		m.from, m.text, ok = strings.Cut(rest, " ")
	} else {
		m.from, m.text, ok = strings.Cut(rest, ": ")
	}
	return m, ok
}

// A notice is what a line that begins with * tells.
type notice int

const (
	answer  notice = iota // to something that was asked
	coming                // somebody joins, leaves or is renamed
	arrival               // it is me who joins a room
)

// note takes in a notice.
func (v *view) note(text string) notice {
	words := strings.Fields(text)
	switch {
	case len(words) >= 3 && words[1] == "welcome,":
		v.me = strings.TrimSuffix(words[2], ";")
	case len(words) == 4 && words[2] == "joined":
		return v.joined(words[1], words[3])
	case len(words) == 4 && words[2] == "left":
		if strings.EqualFold(words[3], v.room) {
			v.people = slices.DeleteFunc(v.people, func(name string) bool { return name == words[1] })
		}
		return coming
	case len(words) == 8 && words[1] == "you" && words[2] == "left":
		v.room = words[7]
	case len(words) == 5 && words[2] == "is" && words[3] == "now":
		v.renamed(words[1], words[4])
		return coming
	case len(words) >= 3 && words[1] == "in":
		v.history = false
		for _, name := range words[3:] {
			v.people = add(v.people, strings.TrimSuffix(name, ","))
		}
	case len(words) >= 2 && words[1] == "rooms:":
		for _, word := range words[2:] {
			if strings.HasPrefix(word, "#") {
				v.rooms = add(v.rooms, word)
			}
		}
	}
	return answer
}

func (v *view) joined(name, room string) notice {
	v.rooms = add(v.rooms, room)
	if name != v.me {
		if strings.EqualFold(room, v.room) {
			v.people = add(v.people, name)
		}
		return coming
	}
	v.room, v.people, v.history = room, []string{name}, true
	return arrival
}

func (v *view) renamed(old, name string) {
	if old == v.me {
		v.me = name
	}
	if i := slices.Index(v.people, old); i >= 0 {
		v.people[i] = name
	}
}

// add has a name in a list once.
func add(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// prompt is what stands before the line that is typed.
func (v *view) prompt() string {
	return strings.TrimLeft(v.room+" "+v.me+"> ", " ")
}
