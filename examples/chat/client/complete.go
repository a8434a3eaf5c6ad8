package client

import (
	"slices"
	"strings"

	"example.com/pike/examples/chat/server"
)

// complete is the line of which the word before pos is completed as far as that is certain, and what it may become if
// it is not.
func (v *view) complete(line string, pos int) (string, int, []string) {
	start := strings.LastIndexByte(line[:pos], ' ') + 1
	word, rest := line[start:pos], line[pos:]
	command := ""
	if start > 0 && line[0] == '/' {
		command, _, _ = strings.Cut(line, " ")
	}
	first := start == len(command)+1 // the word is the command's first
	var all []string
	end := " "
	switch {
	case start == 0 && strings.HasPrefix(word, "/"):
		all = server.Commands()
	case word == "" && !(command != "" && first):
		return line, pos, nil
	case command == "/help" && first:
		for _, name := range server.Commands() {
			all = append(all, name[1:])
		}
	case command == "/join" && first, strings.HasPrefix(word, "#"):
		all = v.rooms
		if word = "#" + strings.TrimPrefix(word, "#"); command == "/join" {
			end = ""
		}
	default:
		all = v.others()
		if start == 0 {
			end = ": " // who is spoken to
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !hasPrefixFold(s, word) })
	if len(all) == 0 {
		return line, pos, nil
	}
	made := all[0]
	for _, s := range all[1:] {
		made = common(made, s)
	}
	if len(all) == 1 {
		made += end
		rest = strings.TrimPrefix(rest, " ")
		all = nil
	} else if made != word {
		all = nil // there is something new to look at already
	}
	if len(made) < len(word) {
		made = word
	}
	made = line[:start] + made
	return made + rest, len(made), all
}

// others are the people in the room without me.
func (v *view) others() []string {
	return slices.DeleteFunc(slices.Clone(v.people), func(name string) bool { return name == v.me })
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// common is the beginning of a that b has as well, but for case. Names are ASCII.
func common(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && strings.EqualFold(a[n:n+1], b[n:n+1]) {
		n++
	}
	return a[:n]
}
