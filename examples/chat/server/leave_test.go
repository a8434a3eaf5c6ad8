package server

import (
	"testing"
)

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
