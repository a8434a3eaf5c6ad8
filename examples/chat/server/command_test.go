package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob", "cid")
	a, b, c := all[0], all[1], all[2]
	a.send("/who")
	a.expect("* in #lobby: ann, bob, cid")
	b.send("/join #go")
	b.expect("* bob joined #go")
	a.expect("* bob left #lobby")
	c.expect("* bob left #lobby")
	a.send("/rooms", "/who", "/msg bob  psst \x1b[1m", "/msg BOB again")
	a.expect("* rooms: #lobby (2), #go (1)", "* in #lobby: ann, cid", "[ann -> bob] psst [1m", "[ann -> bob] again")
	b.expect("[ann -> bob] psst [1m", "[ann -> bob] again")
	a.send("/msg ann myself")
	a.expect("[ann -> ann] myself")
	c.sync() // it got none of these
	a.send("/list", "/help join", "/help /me", "/me waves \x1b[1m")
	a.expect("* rooms: #lobby (2), #go (1)", "* /join #ROOM     go to another room, named likewise",
		"* /me TEXT        say what you do: /me waves")
	c.expect("[#lobby] * ann waves [1m")
	a.send("/help")
	for l := range strings.Lines(help) {
		a.expect(strings.TrimSuffix(l, "\n"))
	}
	c.send("/quit")
	c.expect("* goodbye")
	a.expect("* cid left #lobby")
	h.until("the end of the stream", func() bool { return c.eof })
	c.conn.Close()
	h.until("the end of cid", func() bool { return h.srv.conns == 2 })
	b.send("/nick cid")
	b.expect("* bob is now cid")
	b.send("/join LOBBY")
	b.expect("* cid joined #lobby")
	a.expect("* cid joined #lobby")
	a.send("/rooms")
	a.expect("* rooms: #lobby (2)")
}

func TestLongLists(t *testing.T) {
	h := newHall(t, Options{})
	p := h.dial()
	c := h.srv.lobby.members[0]
	const n = 1000
	item := func(i int) string { return fmt.Sprint("somebody-number-", i) }
	c.list("* in #lobby: ", n, item)
	var got []string
	for len(got) < n {
		l := p.next("")
		items, ok := strings.CutPrefix(l, "* in #lobby: ")
		if !ok || len(l) > lineMost {
			t.Fatalf("%d bytes: %.50q", len(l), l)
		}
		got = append(got, strings.Split(items, ", ")...)
	}
	for i := range n {
		if got[i] != item(i) {
			t.Fatalf("item %d is %q", i, got[i])
		}
	}
	p.sync()
}

// badInput is lines that get exactly one answer, which begins with "! ".
var badInput = []string{
	"/", "/bogus", "/ nick x", "//", "/NICK x", "/nickel x", "/\x1b[31m", "/\u202e",
	"/nick", "/nick ", "/nick a b", "/nick aaaaaaaaaaaaaaaaaaaaa", "/nick é", "/nick a.b", "/nick #a", "/nick a\x1bb",
	"/nick a\u200bb", "/nick guest-7", "/nick GUEST-1", "/nick guest-0", "/nick guest-99999999", "/nick bob", "/nick BOB",
	"/nick ann", "/nick a\rb", "/nick a\x00", "/nick *", "/nick !",
	"/join", "/join #", "/join a.b", "/join lobby", "/join ##", "/join #a b", "/join #" + strings.Repeat("r", 21), "/join #é",
	"/join #lobby", "/join #Lobby", "/join #a\x1b", "/join # ",
	"/me", "/me ", "/me \x1b\x07", "/help nonsense", "/help \x1b[2J",
	"/msg", "/msg bob", "/msg bob  ", "/msg nobody hi", "/msg \x1b[2J hi", "/msg bob \x1b\x07",
	"\xff", "caf\xe9", "\xed\xa0\x80", "\xc0\xaf", "a\xf8b", "/nick \xff", "\x1b", "\x00\x00", "\u202e\u200b",
	strings.Repeat("x", 4097), strings.Repeat("é", 2049), "/msg bob " + strings.Repeat("x", 4096), strings.Repeat("y", 100_000),
}

func TestBadInput(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	for _, l := range badInput {
		a.send(l)
		a.send("/who")
		if got := a.next(""); !strings.HasPrefix(got, "! ") || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%.50q: the answer is %q", l, got)
		}
		if got := a.next(""); got != "* in #lobby: ann, bob" {
			t.Errorf("%.50q: then %q", l, got)
		}
	}
	b.sync() // nothing of it reached another
}

// Each command that is completed is one that the server knows, and is explained alone.
func TestCommandNames(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	names := Commands()
	for _, want := range []string{"/nick", "/join", "/who", "/rooms", "/list", "/msg", "/me", "/help", "/quit"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in %q", want, names)
		}
	}
	for _, name := range names {
		a.send("/help " + name)
		if l := a.next(""); !strings.HasPrefix(l, "* "+name+" ") {
			t.Errorf("/help %s is %q", name, l)
		}
		if a.send(name + "x"); !strings.HasPrefix(a.next(""), "! unknown command ") {
			t.Errorf("%sx is a command", name)
		}
		if a.send(name); strings.HasPrefix(a.next(""), "! unknown command ") {
			t.Errorf("%s is none", name)
		}
		if name != "/quit" {
			a.send(name + "-is-done")
			a.next("! unknown command " + name + "-is-done")
		}
	}
}
