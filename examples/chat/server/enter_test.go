package server

import (
	"strings"
	"testing"
)

// TestNameFirst joins under the name that comes first, as never a guest.
func TestNameFirst(t *testing.T) {
	h := newHall(t, Options{})
	b := h.named("bob")
	for first, want := range map[string][]string{
		"/nick ann":   {"* welcome, ann; /help lists the commands", "* ann joined #lobby"},
		"/nick ann\r": {"* welcome, ann; /help lists the commands", "* ann joined #lobby"},
		"/nick  ann ": {"* welcome, ann; /help lists the commands", "* ann joined #lobby"},
		"/nick BOB":   {"* welcome, guest-N; /help lists the commands", "! BOB is taken", "* guest-N joined #lobby"},
		"/nick guest-7": {
			"* welcome, guest-N; /help lists the commands", "! only the server gives out guest names", "* guest-N joined #lobby",
		},
		"/nick": {
			"* welcome, guest-N; /help lists the commands", "* guest-N joined #lobby",
			"! a name is 1 to 20 letters (a to z), digits, - and _",
		},
		"/nick \x1b[2J": {
			"* welcome, guest-N; /help lists the commands", "! a name is 1 to 20 letters (a to z), digits, - and _",
			"* guest-N joined #lobby",
		},
		"/who": {"* welcome, guest-N; /help lists the commands", "* guest-N joined #lobby", "* in #lobby: bob, guest-N"},
		strings.Repeat("x", 5000): {
			"* welcome, guest-N; /help lists the commands", "* guest-N joined #lobby",
			"! a line has at most 4096 bytes; that one was dropped",
		},
	} {
		h.clock.still = true // its time is not over
		a := h.connect(nil)
		a.send(first)
		l := a.next("* welcome, ")
		a.name, _, _ = strings.Cut(strings.TrimPrefix(l, "* welcome, "), ";")
		a.lines = append([]string{l}, a.lines...)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "guest-N", a.name)
		}
		a.expect(want...)
		h.clock.still = false
		b.expect("* " + a.name + " joined #lobby")
		a.conn.Close()
		b.expect("* " + a.name + " left #lobby")
	}
}

// TestNoNameFirst has somebody who says nothing join as a guest when the time for a name is over, and somebody who has
// gone by then not at all.
func TestNoNameFirst(t *testing.T) {
	h := newHall(t, Options{Idle: -1})
	b := h.named("bob")
	h.clock.still = true
	a, gone := h.connect(nil), h.connect(nil)
	h.until("both", func() bool { return h.srv.conns == 3 })
	gone.conn.Abort()
	h.until("one", func() bool { return h.srv.conns == 2 })
	h.pass(nameTime - 1)
	b.sync()
	h.pass(1)
	a.expect("* welcome, guest-2; /help lists the commands", "* guest-2 joined #lobby")
	b.expect("* guest-2 joined #lobby")
	if h.logged("joined", "") != 2 || h.logged("left", "") != 0 {
		t.Error("the log tells of somebody who never joined")
	}
}

// TestShutdownBeforeName has a shutdown come while somebody may still say a name.
func TestShutdownBeforeName(t *testing.T) {
	h := newHall(t, Options{})
	h.clock.still = true
	a := h.connect(nil)
	h.until("the connection", func() bool { return h.srv.conns == 1 })
	h.srv.Shutdown()
	h.clock.still = false
	a.expect(goodbye)
	a.conn.Close()
	h.end()
}
