package server

import (
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
