package server

import (
	"fmt"
	"strings"
	"testing"
)

func TestTalk(t *testing.T) {
	h := newHall(t, Options{})
	a, b := h.dial(), h.dial()
	a.expect("* guest-2 joined #lobby")
	a.send("hello", "two\r", " as it is ", "", "   ", "\t")
	b.expect("[#lobby] guest-1: hello", "[#lobby] guest-1: two", "[#lobby] guest-1:  as it is ")
	a.sync() // it has not got its own
	b.sync()
	b.send("/nick bob")
	a.expect("* guest-2 is now bob")
	b.expect("* guest-2 is now bob")
	b.send("hi")
	a.expect("[#lobby] bob: hi")
	b.send("/join #go")
	a.expect("* bob left #lobby")
	b.expect("* bob joined #go")
	a.send("are you there?")
	a.sync()
	b.sync()
	b.send("alone")
	a.send("/join #go")
	a.expect("* guest-1 joined #go", "[#go] bob: alone")
	b.expect("* guest-1 joined #go")
	a.conn.Close()
	b.expect("* guest-1 left #go")
}

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
	b.send("/join #LOBBY")
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
	"/join", "/join #", "/join go", "/join ##", "/join #a b", "/join #" + strings.Repeat("r", 21), "/join #é", "/join #lobby",
	"/join #Lobby", "/join #a\x1b", "/join # ",
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

func TestEscapesReachNobody(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	a.send("\x1b]0;owned\x07\x1b[31mred\x1b[0m", "a\u009b31mb",
		"a\tb\x7f", "\u202eevil\u202c \u2066x\u2069", "a\u2028b\u2029c\u200bd", "c\rd")
	b.expect("[#lobby] ann: ]0;owned[31mred[0m", "[#lobby] ann: a31mb", "[#lobby] ann: a b", "[#lobby] ann: evil x",
		"[#lobby] ann: a b cd", "[#lobby] ann: cd")
}

func TestLongLines(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	long := strings.Repeat("x", 4096)
	a.send(long, long+"\r", long+"y", long+"\ry", "after")
	b.expect("[#lobby] ann: "+long, "[#lobby] ann: "+long, "[#lobby] ann: after")
	a.expect("! a line has at most 4096 bytes; that one was dropped", "! a line has at most 4096 bytes; that one was dropped")
	for range 64 { // 4 MiB with no end: answered once
		a.conn.WriteString(strings.Repeat("z", 64<<10))
	}
	a.expect("! a line has at most 4096 bytes; that one was dropped")
	a.send("", "end")
	b.expect("[#lobby] ann: end")
	a.sync()
}

func TestHistory(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	a.send("/join #old")
	a.expect("* ann joined #old")
	var want []string
	for i := range 25 {
		a.send(fmt.Sprint("message ", i))
		want = append(want, fmt.Sprint("[#old] ann: message ", i))
	}
	a.sync()
	b := h.named("bob")
	b.send("/join #old")
	b.expect("* bob joined #old")
	b.expect(want[5:]...)
	b.sync()
	a.conn.Close()
	b.expect("* ann left #old")
	b.send("/join #lobby")
	b.expect("* bob joined #lobby")
	b.send("/join #old") // empty meanwhile, but not forgotten
	b.expect("* bob joined #old")
	b.expect(want[5:]...)
	for i := range vacantMost + 2 {
		b.send(fmt.Sprint("/join #r", i))
		b.next("* bob joined #r")
	}
	if len(h.srv.rooms) != vacantMost+2 || len(h.srv.vacant) != vacantMost || len(h.srv.used) != 2 {
		t.Errorf("%d rooms, %d of them vacant, %d used", len(h.srv.rooms), len(h.srv.vacant), len(h.srv.used))
	}
	b.send("/join #OLD")
	b.expect("* bob joined #OLD")
	b.sync()
}

func TestHalfClose(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	b := h.dial()
	a.expect("* guest-2 joined #lobby")
	for range 1000 { // more than is done in a turn
		b.send("hi")
	}
	b.send("/who")
	b.conn.WriteString("no end")
	b.conn.CloseWrite()
	b.expect("* in #lobby: ann, guest-2")
	h.until("the close", func() bool { return b.gone })
	if b.err != nil {
		t.Error("closed by", b.err)
	}
	for range 1000 {
		a.expect("[#lobby] guest-2: hi")
	}
	a.expect("* guest-2 left #lobby")
	a.sync()
}

func TestReset(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	all[1].conn.WriteString("half a li")
	all[1].conn.Abort()
	all[0].expect("* bob left #lobby")
	b := h.named("bob")
	b.sync()
}

func TestListenErrors(t *testing.T) {
	h := newHall(t, Options{})
	if _, err := Listen(h.lp, h.srv.Addr().String(), Options{}); err == nil {
		t.Error("the address was taken twice")
	}
	if _, err := Listen(h.lp, "nonsense", Options{}); err == nil {
		t.Error("nonsense was listened on")
	}
}
