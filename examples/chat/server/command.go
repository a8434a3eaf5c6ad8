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
			s.say(c, c.room, text)
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
		s.who(c, arg)
	case "/me":
		if arg == "" {
			c.tellf("! it is /me TEXT")
		} else if text, ok := c.clean(arg); ok {
			s.do(c, c.room, text)
		}
	case "/rooms", "/list":
		c.list("* rooms: ", len(s.used), func(i int) string {
			return fmt.Sprintf("%s (%d)", s.used[i].name, len(s.used[i].members))
		})
	case "/msg":
		s.private(c, arg)
	case "/also":
		s.also(c, arg)
	case "/part":
		s.away(c, arg)
	case "/in":
		s.sayIn(c, arg)
	case "/help":
		c.help(arg)
	case "/quit":
		s.leave(c, "quit")
		s.see(c, "* goodbye", byItself)
	default:
		c.tellf("! unknown command %s; /help lists the commands", quote(name))
	}
}

const help = `* /nick NAME      take a name: 1 to 20 letters (a to z), digits, - and _
* /join #ROOM     go to another room, named likewise
* /who            who is in the room; /who #ROOM for another
* /rooms          which rooms there are
* /list           the same as /rooms
* /msg NAME TEXT  say something to NAME alone
* /me TEXT        say what you do: /me waves
* /help COMMAND   what one of these does
* /also #ROOM     be in another room as well
* /in #ROOM TEXT  say something in a room that you are in
* /part #ROOM     leave a room, if you are in others
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
	if wrong := s.mayBe(c, name); wrong != "" {
		c.tellf("! %s", wrong)
		return
	}
	old := c.name
	delete(s.names, fold(old))
	c.name = name
	s.names[fold(name)] = c
	s.log.Info("renamed", "old", old, "name", name)
	s.renamed(c, old)
}

// mayBe is why c may not take a name, or nothing.
func (s *Server) mayBe(c *client, name string) (wrong string) {
	other := s.names[fold(name)]
	switch {
	case !validName(name):
		return fmt.Sprintf("a name is 1 to %d letters (a to z), digits, - and _", nameMost)
	case name == c.name:
		return fmt.Sprintf("you are %s already", name)
	case guest(name):
		return "only the server gives out guest names"
	case other != nil && other != c:
		return fmt.Sprintf("%s is taken", name)
	}
	return ""
}

func (s *Server) move(c *client, name string) {
	if !strings.HasPrefix(name, "#") {
		name = "#" + name // who types it knows that it is a room
	}
	switch {
	case !validRoom(name):
		c.wrongRoom()
	case c.in(name) != nil:
		c.tellf("! you are in %s already", c.in(name).name)
	default:
		s.part(c, c.room)
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
	m := s.message(fmt.Appendf(nil, "[%s -> %s] %s\n", c.name, to.name, clean))
	s.record.add(m.text)
	s.pace.spend(len(m.text), 2)
	to.wire.message(m)
	if to != c {
		c.wire.message(m)
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
