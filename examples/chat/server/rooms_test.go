package server

import (
	"fmt"
	"testing"
)

// TestSeveralRooms has a client in several rooms, by which messages and names go.
func TestSeveralRooms(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	a.send("/also #go")
	a.expect("* ann joined #go")
	b.send("/also #GO")
	b.expect("* bob joined #go")
	a.expect("* bob joined #go")
	b.send("in go")
	a.expect("[#go] bob: in go")
	b.send("/in #lobby in the lobby", "and again")
	a.expect("[#lobby] bob: in the lobby", "[#lobby] bob: and again")
	a.send("/who", "/who #lobby", "/rooms")
	a.expect("* in #go: ann, bob", "* in #lobby: ann, bob", "* rooms: #lobby (2), #go (2)")
	a.send("/nick amy") // both see it once, though they share two rooms
	a.expect("* ann is now amy")
	b.expect("* ann is now amy")
	b.sync()
	a.send("/part #go", "/part #lobby", "/part #go", "/in #go hi")
	a.expect("* you left #go, and speak in #lobby", "! you are in no other room; /join #ROOM goes to one",
		"! you are not in #go", "! you are not in #go")
	b.expect("* amy left #go")
	a.send("/also #den", "/part #lobby")
	a.expect("* amy joined #den", "* you left #lobby, and speak in #den")
	b.expect("* amy left #lobby")
	a.send("/join #lobby") // from #den alone
	a.expect("* amy joined #lobby", "[#lobby] bob: in the lobby", "[#lobby] bob: and again")
	b.expect("* amy joined #lobby")
	a.send("/rooms")
	a.expect("* rooms: #lobby (2), #go (1)")
	b.conn.Close()
	a.expect("* bob left #lobby")
	h.until("the end of bob", func() bool { return h.srv.Clients() == 1 })
	if n := len(h.srv.used); n != 1 {
		t.Errorf("%d rooms are in use", n)
	}
}

// TestRoomsMost has a client ask for more rooms than it may have, and for none.
func TestRoomsMost(t *testing.T) {
	h := newHall(t, Options{})
	a := h.dial()
	for i := range roomsMost - 1 {
		a.send(fmt.Sprint("/also #r", i))
		a.expect(fmt.Sprintf("* guest-1 joined #r%d", i))
	}
	for _, l := range []string{
		"/also #one-more", "/also #r3", "/also", "/also go", "/also # x", "/in", "/in #x y", "/in lobby x", "/in #r1 \x1b\x07",
		"/part", "/part x", "/part #x", "/who #nobody", "/who x", "/who #", "/who \x1b",
	} {
		a.send(l)
		a.next("! ")
		a.sync()
	}
	a.send("/in #r1", "/who")
	a.expect("* you speak in #r1", "* in #r1: guest-1")
	a.send("/in #r14") // the last of them again
	a.next("* you speak in #r14")
	a.send("/join #r1")
	a.expect("! you are in #r1 already")
	a.send("/join #other") // instead of where it speaks
	a.expect("* guest-1 joined #other")
	if n := len(h.srv.lobby.members[0].rooms); n != roomsMost {
		t.Errorf("it is in %d rooms", n)
	}
}
