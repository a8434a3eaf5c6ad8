package server

import (
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	h := newHall(t, Options{Idle: time.Minute})
	all := h.meet("ann", "bob", "cid")
	a, b, c := all[0], all[1], all[2]
	h.taken(all...)
	for range 2 {
		h.pass(25 * time.Second)
		a.send("")              // a line, though an empty one
		c.conn.WriteString("x") // none
		a.sync()
	}
	if h.srv.Clients() != 3 {
		t.Fatal("dropped early")
	}
	h.pass(11 * time.Second)
	b.expect("! nothing came from you for 1m0s: goodbye")
	c.expect("* bob left #lobby", "! nothing came from you for 1m0s: goodbye")
	a.expect("* bob left #lobby", "* cid left #lobby")
	h.until("the end of the streams", func() bool { return b.eof && c.eof })
	if h.logged("dropped", "idle") != 2 {
		t.Error("it is not in the log")
	}
	a.sync()          // the machine may stand still for some seconds below, and a is not to be idle
	h.pass(leaveTime) // they do not close: they are cut off
	h.until("the cut", func() bool { return h.srv.conns == 1 })
	a.sync()
}

func TestIdleForever(t *testing.T) {
	h := newHall(t, Options{Idle: -1})
	a := h.dial()
	h.taken(a)
	h.pass(24 * 365 * time.Hour)
	a.sync()
}
