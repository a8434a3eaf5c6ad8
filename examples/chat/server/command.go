package server

import (
	"fmt"
	"slices"
	"strings"

	"example.com/pike/examples/chat/line"
)

// line does what a line of valid UTF-8 asks for.
func (s *Server) line(c *client, text string) {
	switch {
	case strings.HasPrefix(text, "/"):
		name, arg := word(text)
		s.command(c, name, arg)
	case strings.TrimSpace(text) == "":
	default:
		if text, ok := c.clean(text); ok {
			s.say(c, text)
		}
	}
}

// word splits text after its first word.
func word(text string) (first, rest string) {
	i := strings.IndexAny(text, " \t")
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// clean is text as others may get it.
func (c *client) clean(text string) (clean []byte, ok bool) {
	clean = line.Clean(nil, []byte(text))
	if strings.TrimSpace(string(clean)) == "" {
		c.tellf("! nothing in that line can be shown")
		return nil, false
	}
	return clean, true
}

func (s *Server) command(c *client, name, arg string) {
	switch name {
	case "/nick":
		s.nick(c, arg)
	case "/join":
		s.move(c, arg)
	case "/who":
		c.list("* in "+c.room.name+": ", len(c.room.members), func(i int) string { return c.room.members[i].name })
	case "/me":
		if arg == "" {
			c.tellf("! it is /me TEXT")
		} else if text, ok := c.clean(arg); ok {
			s.do(c, text)
		}
	case "/rooms", "/list":
		c.list("* rooms: ", len(s.used), func(i int) string {
			return fmt.Sprintf("%s (%d)", s.used[i].name, len(s.used[i].members))
		})
	case "/msg":
		s.private(c, arg)
	case "/help":
		c.help(arg)
	case "/quit":
		s.leave(c, "quit")
		s.see(c, "* goodbye")
	default:
		c.tellf("! unknown command %s; /help lists the commands", quote(name))
	}
}

const help = `* /nick NAME      take a name: 1 to 20 letters (a to z), digits, - and _
* /join #ROOM     go to another room, named likewise
* /who            who is in the room
* /rooms          which rooms there are
* /list           the same as /rooms
* /msg NAME TEXT  say something to NAME alone
* /me TEXT        say what you do: /me waves
* /help COMMAND   what one of these does
* /quit           leave
* anything else goes to everyone in the room`

// help explains a command, with or without its slash, or all.
func (c *client) help(command string) {
	if command == "" {
		c.tellf("%s", help)
		return
	}
	command = "/" + strings.TrimPrefix(command, "/")
	for l := range strings.Lines(help) {
		if strings.HasPrefix(l, "* "+command+" ") {
			c.tellf("%s", strings.TrimSuffix(l, "\n"))
			return
		}
	}
	c.tellf("! unknown command %s; /help lists the commands", quote(command))
}

// Commands are the names of all commands, with their slash.
func Commands() (names []string) {
	for l := range strings.Lines(help) {
		if name, _ := word(strings.TrimPrefix(l, "* ")); strings.HasPrefix(name, "/") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// quote is a word of the user's own, for an answer.
func quote(word string) string {
	const most = 40
	clean := []rune(string(line.Clean(nil, []byte(word))))
	if len(clean) > most {
		return string(clean[:most]) + "..."
	}
	return string(clean)
}

func (s *Server) nick(c *client, name string) {
	other := s.names[fold(name)]
	switch {
	case !validName(name):
		c.tellf("! a name is 1 to %d letters (a to z), digits, - and _", nameMost)
	case name == c.name:
		c.tellf("! you are %s already", name)
	case guest(name):
		c.tellf("! only the server gives out guest names")
	case other != nil && other != c:
		c.tellf("! %s is taken", name)
	default:
		old := c.name
		delete(s.names, fold(old))
		c.name = name
		s.names[fold(name)] = c
		s.log.Info("renamed", "old", old, "name", name)
		s.announce(c.room, "* %s is now %s\n", old, name)
	}
}

func (s *Server) move(c *client, name string) {
	if !strings.HasPrefix(name, "#") {
		name = "#" + name // who types it knows that it is a room
	}
	switch {
	case !validRoom(name):
		c.tellf("! a room is # and 1 to %d letters (a to z), digits, - and _", nameMost)
	case fold(name) == fold(c.room.name):
		c.tellf("! you are in %s already", c.room.name)
	default:
		s.part(c)
		s.join(c, s.open(name))
	}
}

func (s *Server) private(c *client, arg string) {
	name, text := word(arg)
	to := s.names[fold(name)]
	switch {
	case text == "":
		c.tellf("! it is /msg NAME TEXT")
		return
	case to == nil:
		c.tellf("! nobody here is called %s", quote(name))
		return
	}
	clean, ok := c.clean(text)
	if !ok {
		return
	}
	message := fmt.Appendf(nil, "[%s -> %s] %s\n", c.name, to.name, clean)
	s.record.add(message)
	s.pace.spend(len(message), 2)
	to.send(message)
	if to != c {
		c.send(message)
	}
}

// list answers with n items after a prefix, in lines no longer than those of clients.
func (c *client) list(prefix string, n int, item func(int) string) {
	text := prefix
	for i := range n {
		it := item(i)
		switch {
		case len(text) == len(prefix):
		case len(text)+len(it)+2 > lineMost:
			c.tellf("%s", text)
			text = prefix
		default:
			text += ", "
		}
		text += it
	}
	c.tellf("%s", text)
}
